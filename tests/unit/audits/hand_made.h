#pragma once

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/subject.h"
#include "unit/audits/toy_audit.h"

namespace pastonly {

inline const double not_a_number = std::nan("");

/// A recorded subject made by hand: a base, and its stream where one is given.
class HandMade final : public Subject {
 public:
  explicit HandMade(TraceData base) { add(std::move(base), Intervention::Kind::base); }
  HandMade(TraceData base, TraceData stream) : HandMade(std::move(base)) {
    add(std::move(stream), Intervention::Kind::stream);
    runs_.back().base = 0;
  }
  /// As if it had drawn its tokens itself.
  void drawn_from(const std::optional<Source>& source) { info_.drawn_from = source; }

  const SubjectInfo& info() const noexcept override { return info_; }
  Capabilities capabilities() const noexcept override { return {}; }
  const std::vector<Intervention>& interventions() const noexcept override { return runs_; }
  const std::vector<Intervention>& missing() const noexcept override { return none_; }
  Expected<Trace> observe(const Intervention& run) override { return traces_.at(run.id); }

 private:
  void add(TraceData data, Intervention::Kind kind) {
    runs_.emplace_back().id = static_cast<std::uint32_t>(traces_.size());
    runs_.back().kind = kind;
    traces_.push_back(make_trace(std::move(data)));
  }

  std::vector<Trace> traces_;
  SubjectInfo info_;
  std::vector<Intervention> runs_, none_;
};

inline TraceData by_hand(std::vector<std::int64_t> tokens, std::vector<double> log_probs, std::size_t rows) {
  TraceData data;
  data.layout = {rows, tokens.size() / rows, TokenOrder::batch_major};
  data.tokens = std::move(tokens);
  data.log_probs = std::move(log_probs);
  return data;
}

inline Outcome source_floor_of(Subject& subject, std::uint64_t vocab) {
  evidence::Observations observations(subject);
  const Policy policy = uniform_policy(vocab);
  return audits::source_floor_check.run({observations, policy, 0});
}

inline Outcome source_floor_of(TraceData data, std::uint64_t vocab) {
  HandMade subject(std::move(data));
  return source_floor_of(subject, vocab);
}

}  // namespace pastonly
