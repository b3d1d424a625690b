#include "recording/recording.h"

#include <fmt/format.h>

#include "input/plan/plan.h"
#include "input/trace/trace_file.h"

namespace pastonly::recording {

Expected<std::unique_ptr<Recording>> Recording::start(Subject& subject,
                                                      const std::filesystem::path& directory,
                                                      const RecordingIdentity& identity, const Watch& watch) {
  auto claimed = RecordingFolder::claim(directory, identity);
  if (!claimed) return tl::unexpected(claimed.error());
  const auto folder = std::make_shared<RecordingFolder>(*std::move(claimed));
  std::unique_ptr<Recording> out(new Recording(subject, folder, "subject", subject.interventions()));
  if (auto tested = out->test_kept(watch); !tested) return tl::unexpected(tested.error());
  if (subject.causal_baseline() != nullptr)
    out->causal_baseline_.reset(new Recording(*subject.causal_baseline(), folder, "twin", {}));
  return out;
}

Expected<void> Recording::test_kept(const Watch& watch) const {
  if (runs_kept() == 0) return {};
  const Intervention& base = subject_.interventions().front();
  const auto outline = subject_.outline(base);
  if (!outline) return tl::unexpected(outline.error());
  if (!runs_.find(base, *outline, KeptRuns::Part::all)) {
    folder_->forget_runs();  // nothing to hold them against
    return {};
  }
  watch.progress(std::nullopt, "running the base again to check the kept runs");
  const auto again = subject_.observe(base);
  if (!again) return tl::unexpected(again.error());
  const auto same = runs_.same(base, *again);
  if (!same) return tl::unexpected(same.error());
  if (*same) return {};
  return usage_error(
      fmt::format("{}: run {} differs from the earlier recording (another processor, build or library); "
                  "continue where the recording began, delete the directory, or give another",
                  folder_->directory().string(), base.id));
}

Expected<Trace> Recording::take_up_or_run(const Intervention& run, KeptRuns::Part part) {
  auto outline = subject_.outline(run);
  if (!outline) return outline;
  if (auto kept = runs_.find(run, *outline, part)) return *std::move(kept);
  {
    const std::lock_guard lock(mutex_);
    if (not_written_) return tl::unexpected(*not_written_);
  }
  auto trace = part == KeptRuns::Part::all ? subject_.observe(run) : subject_.losses(run);
  if (!trace) return trace;
  auto kept = runs_.keep(run, *trace, *outline, part);
  if (!kept) kept.error().message += "; earlier runs are kept: the same command continues from them";
  const std::lock_guard lock(mutex_);
  if (!kept && !not_written_) not_written_ = kept.error();
  return kept;
}

Expected<Trace> Recording::observe(const Intervention& run) {
  return take_up_or_run(run, KeptRuns::Part::all);
}

Expected<Trace> Recording::losses(const Intervention& run) {
  return take_up_or_run(run, KeptRuns::Part::losses);
}

Expected<void> Recording::finish(const Watch& watch) {
  if (not_written_) return tl::unexpected(*not_written_);
  const auto& runs = subject_.interventions();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (watch.stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
    watch.progress(static_cast<double>(i) / static_cast<double>(runs.size()),
                   fmt::format("writing run {} of {}", i + 1, runs.size()));
    const auto trace = observe(runs[i]);
    if (!trace) return tl::unexpected(trace.error());
    const auto path = folder_->directory() / input::input_name(runs[i].id);
    if (auto done = input::write_tokens(path, trace->layout, trace->tokens, trace->valid); !done)
      return tl::unexpected(done.error());
  }
  input::Plan plan{runs};
  for (const TraceIssue& issue : subject_.info().issues) plan.remarks.push_back({issue.id, issue.message});
  if (auto done = input::write_plan(folder_->directory(), plan); !done) return done;
  folder_->close();
  return {};
}

}  // namespace pastonly::recording
