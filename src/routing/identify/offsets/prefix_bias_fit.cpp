#include "routing/identify/offsets/prefix_bias_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "routing/identify/shared/candidate_parameters.h"
#include "routing/identify/shared/reproduces.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t enough_moved = 8;  // tokens that a step must explain before it says anything

/// The sizes of a step that the tokens read so far allow.
class StepReader {
 public:
  explicit StepReader(std::size_t experts) : load_(experts), steps_(experts), start_(experts) {}

  void start(const std::vector<float>& bias) {
    std::ranges::fill(load_, std::size_t{0});
    std::ranges::fill(steps_, std::int64_t{0});
    total_ = 0;
    for (std::size_t e = 0; e < start_.size(); ++e) start_[e] = e < bias.size() ? bias[e] : 0.0F;
  }
  void read(std::span<const float> scores, std::span<const std::uint8_t> mask) {
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (mask[i] == 0) continue;
      for (std::size_t j = 0; j < scores.size(); ++j) {
        if (mask[j] == 0) bound(scores, i, j);
      }
    }
    for (std::size_t e = 0; e < scores.size(); ++e) load_[e] += mask[e];
    for (const auto bit : mask) total_ += bit;
    for (std::size_t e = 0; e < scores.size(); ++e) {
      const std::size_t scaled = load_[e] * scores.size();
      if (scaled != total_) steps_[e] += scaled < total_ ? 1 : -1;
    }
  }
  bool possible() const noexcept { return least_ <= most_; }
  /// The roundest number between the limits.
  double step() const {
    const double middle = std::isfinite(most_) ? 0.5 * (least_ + most_) : 2.0 * least_;
    for (double unit = std::pow(10.0, std::floor(std::log10(middle))); unit > 1e-9 * middle; unit /= 10.0) {
      const double round = std::round(middle / unit) * unit;
      if (least_ < round && round < most_) return round;
    }
    return middle;
  }

 private:
  /// Expert i was chosen over j: s_i + r m_i >= s_j + r m_j.
  void bound(std::span<const float> scores, std::size_t i, std::size_t j) {
    const double gap = (static_cast<double>(scores[j]) + static_cast<double>(start_[j])) -
                       (static_cast<double>(scores[i]) + static_cast<double>(start_[i]));
    const auto moved = static_cast<double>(steps_[i] - steps_[j]);
    if (moved > 0.0) least_ = std::max(least_, gap / moved);
    if (moved < 0.0) most_ = std::min(most_, gap / moved);
    if (moved == 0.0 && gap > 0.0) most_ = -1.0;
  }

  std::vector<std::size_t> load_;    // (experts) tokens so far
  std::vector<std::int64_t> steps_;  // (experts) up less down
  std::vector<float> start_;         // (experts)
  std::size_t total_ = 0;
  double least_ = 0.0, most_ = std::numeric_limits<double>::infinity();
};

std::optional<double> common_step(const RunSet& runs, const Grouping& grouping) {
  StepReader reader(runs.experts());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Groups groups(view->layout(), grouping);
    for (std::size_t group = 0; group < groups.count(); ++group) {
      reader.start(runs.run(i).layer->bias);
      for (std::size_t index = 0; index < groups.size() && reader.possible(); ++index) {
        const std::size_t token = groups.token(group, index);
        if (view->routed(token)) reader.read(view->scores().row(token), view->mask().row(token));
      }
      if (!reader.possible()) return std::nullopt;
    }
  }
  return reader.step();
}

}  // namespace

void try_prefix_bias(const RunSet& runs, Findings& findings) {
  const std::size_t k = runs.largest_count();
  if (findings.accepted(ids::top_k) || runs.smallest_count() != k || k == runs.experts()) return;
  std::size_t moved = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) moved += runs.profile(i).unordered;
  if (moved < enough_moved) return;
  auto ways = groupings(runs, true);
  std::ranges::reverse(ways);  // each sequence alone first
  for (const auto& grouping : ways) {
    const auto step = common_step(runs, grouping);
    if (!step) continue;
    Value::Object parameters{{"k", k}, {"update_rate", *step}};
    const auto& bias = runs.run(0).layer->bias;
    if (!bias.empty()) {
      Value::Array start;
      for (const float one : bias) start.emplace_back(static_cast<double>(one));
      parameters.emplace_back("bias", std::move(start));
    }
    if (!grouping.per_sequence && runs.run(0).layout.sequences > 1) {
      parameters.emplace_back("scope", "batch");
      write_grouping(runs, grouping, parameters);
    }
    const auto rule = make_rule(ids::biased_top_k_prefix, parameters);
    if (!rule || !reproduces(runs, **rule)) continue;
    findings.accept(ids::biased_top_k_prefix, std::move(parameters));
    return;
  }
  findings.reject(ids::biased_top_k_prefix, "no size of a step explains every token by the loads before it");
}

}  // namespace pastonly::routing::hypotheses
