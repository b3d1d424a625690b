#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "pastonly/watch.h"
#include "recording/kept_runs.h"
#include "recording/recording_folder.h"

namespace pastonly::recording {

/// A live subject whose runs are kept as they are made, its twin's as well, and read back where an
/// interrupted recording of the same has kept them. Finished, it is a plan directory (docs/formats.md) and
/// holds the plan's runs alone.
class Recording final : public Subject {
 public:
  /// Begins the recording or takes it up (RecordingFolder::claim). Before it trusts what was kept it runs the
  /// first base again, which must come out the same to the last bit. Usage error: it does not (another
  /// processor, build or library rounds otherwise, and rounding would pass for a changed decision).
  /// Requires a live subject, which must outlive this.
  static Expected<std::unique_ptr<Recording>> start(Subject& subject, const std::filesystem::path& directory,
                                                    const RecordingIdentity& identity,
                                                    const Watch& watch = {});

  const SubjectInfo& info() const noexcept override { return subject_.info(); }
  Capabilities capabilities() const noexcept override { return subject_.capabilities(); }
  const std::vector<Intervention>& interventions() const noexcept override {
    return subject_.interventions();
  }
  const std::vector<Intervention>& missing() const noexcept override { return subject_.missing(); }
  Subject* causal_baseline() const noexcept override { return causal_baseline_.get(); }
  const Weights* weights() const noexcept override { return subject_.weights(); }
  /// What the subject observes, written before it is returned. Input errors: as well those of writing, after
  /// which nothing is run any more: it would be lost.
  Expected<Trace> observe(const Intervention& run) override;
  Expected<Trace> losses(const Intervention& run) override;
  Expected<Trace> outline(const Intervention& run) override { return subject_.outline(run); }

  /// How many runs the directory keeps, the twin's included; at first those of the interrupted recording.
  std::size_t runs_kept() const { return folder_->runs(); }
  /// Runs what of the plan nobody has asked for, then makes a plan directory of it.
  Expected<void> finish(const Watch& watch = {});

 private:
  Recording(Subject& subject, std::shared_ptr<RecordingFolder> folder, std::string whose,
            std::vector<Intervention> plan)
      : subject_(subject),
        folder_(std::move(folder)),
        runs_(*folder_, std::move(whose), std::move(plan), subject.capabilities().routes) {}
  Expected<void> test_kept(const Watch& watch) const;
  Expected<Trace> take_up_or_run(const Intervention& run, KeptRuns::Part part);

  Subject& subject_;
  std::shared_ptr<RecordingFolder> folder_;
  KeptRuns runs_;
  std::mutex mutex_;
  std::optional<Error> not_written_;  // the first time that a run could not be kept
  std::unique_ptr<Recording> causal_baseline_;
};

}  // namespace pastonly::recording
