#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "input/plan/plan.h"
#include "lab_model.h"
#include "recording/recording.h"
#include "report/json.h"
#include "run/audit.h"

namespace pastonly {

/// A live subject that counts what it is asked to run; its twin's runs count with it.
class CountedSubject final : public Subject {
 public:
  explicit CountedSubject(Subject& inner) : inner_(inner) {
    if (inner.causal_baseline() != nullptr)
      causal_baseline_ = std::make_unique<CountedSubject>(*inner.causal_baseline());
  }
  const SubjectInfo& info() const noexcept override { return inner_.info(); }
  Capabilities capabilities() const noexcept override { return inner_.capabilities(); }
  const std::vector<Intervention>& interventions() const noexcept override { return inner_.interventions(); }
  const std::vector<Intervention>& missing() const noexcept override { return inner_.missing(); }
  Expected<Trace> outline(const Intervention& run) override { return inner_.outline(run); }
  Subject* causal_baseline() const noexcept override { return causal_baseline_.get(); }
  Expected<Trace> observe(const Intervention& run) override {
    {
      const std::lock_guard lock(mutex_);
      ++count_;
    }
    return inner_.observe(run);
  }
  std::size_t runs() const {
    const std::lock_guard lock(mutex_);
    return count_ + (causal_baseline_ ? causal_baseline_->runs() : 0);
  }

 private:
  Subject& inner_;
  std::unique_ptr<CountedSubject> causal_baseline_;
  mutable std::mutex mutex_;
  std::size_t count_ = 0;
};

/// A small leaky model with a causal twin, and what audits of it come to.
class RecordedAudits {
 public:
  RecordedAudits()
      : model_(small_model(small_config("expert-choice,k=2,chunk=8"))),
        causal_baseline_(small_model(small_config("top-k,k=2"), 2)) {
    policy_.source = Source{"uniform", 16};
    subjects::LiveOptions options = small_live();
    options.budget = 1 << 12;
    options.causal_baseline = std::shared_ptr<Subject>(live(causal_baseline_, options));
    subject_ = live(model_, options);
  }

  struct Result {
    std::string report;  ///< without times; "" where the audit did not come to its end
    std::string error;
    std::size_t runs = 0;      ///< that the model made
    std::size_t taken_up = 0;  ///< kept before
    std::size_t kept = 0;      ///< kept when it ended
  };
  /// Records an audit in a directory; it is interrupted once the model has made `most` runs.
  Result audit_in(const std::filesystem::path& directory, std::size_t most = ~std::size_t{0}) {
    CountedSubject counted(*subject_);
    run::AuditOptions options;
    options.watch.stop = [&] { return counted.runs() >= most; };
    Result out;
    const auto recording = recording::Recording::start(counted, directory, identity(), options.watch);
    if (!recording) return {"", recording.error().message, counted.runs(), 0, 0};
    out.taken_up = (*recording)->runs_kept();
    auto report = run::audit(**recording, policy_, options);
    if (report) {
      if (auto done = (*recording)->finish(options.watch); !done) report = tl::unexpected(done.error());
    }
    out.runs = counted.runs();
    out.kept = (*recording)->runs_kept();
    if (!report) {
      out.error = report.error().message;
      return out;
    }
    for (auto& check : report->checks) check.seconds = 0.0;
    out.report = report::write_json(*report);
    return out;
  }
  static recording::RecordingIdentity identity() { return {{"model", "small"}, {"seed", "1"}}; }
  Subject& subject() { return *subject_; }

 private:
  model::Model model_, causal_baseline_;
  Policy policy_;
  std::unique_ptr<Subject> subject_;
};

}  // namespace pastonly
