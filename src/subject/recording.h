#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <set>

#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "subject/evidence.h"

namespace pastonly {

/// A live subject whose planned runs are kept as a plan directory (docs/formats.md) as they are observed.
class Recording final : public Subject {
 public:
  /// Makes the directory. Usage error: it holds something already. The subject must outlive this.
  static Expected<std::unique_ptr<Recording>> start(Subject& subject, const std::filesystem::path& directory);

  const SubjectInfo& info() const noexcept override { return subject_.info(); }
  Capabilities capabilities() const noexcept override { return subject_.capabilities(); }
  const std::vector<Intervention>& interventions() const noexcept override {
    return subject_.interventions();
  }
  const std::vector<Intervention>& missing() const noexcept override { return subject_.missing(); }
  Subject* twin() const noexcept override { return subject_.twin(); }
  /// What the subject observes; of a run of the plan, written before it is returned. Input errors: as well
  /// those of writing.
  Expected<Trace> observe(const Intervention& run) override;

  /// Runs what of the plan nobody has asked for, then writes plan.json: what was interrupted is no plan.
  Expected<void> finish(const Watch& watch = {});

 private:
  Recording(Subject& subject, std::filesystem::path directory)
      : subject_(subject), directory_(std::move(directory)) {}

  Subject& subject_;
  std::filesystem::path directory_;
  std::mutex mutex_;
  std::set<std::uint32_t> kept_;  ///< runs of the plan that are written or being written
};

}  // namespace pastonly
