#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pastonly/subject.h"

namespace pastonly::subjects {

/// A subject whose first base also has the tags of files beside it (input/trace/tags_file.h): what checks
/// say of tags they say of that run.
class Tagged final : public Subject {
 public:
  /// `files`: by the tag's name. Input errors: those of reading them, or files of another batch. Usage error:
  /// the recording has a tag of that name itself. The subject must outlive this.
  static Expected<std::unique_ptr<Tagged>> make(Subject& subject,
                                                const std::map<std::string, std::string>& files);

  const SubjectInfo& info() const noexcept override { return subject_.info(); }
  Capabilities capabilities() const noexcept override { return subject_.capabilities(); }
  const std::vector<Intervention>& interventions() const noexcept override {
    return subject_.interventions();
  }
  const std::vector<Intervention>& missing() const noexcept override { return subject_.missing(); }
  Expected<Trace> observe(const Intervention& run) override;
  Expected<Trace> losses(const Intervention& run) override { return subject_.losses(run); }
  Expected<Trace> outline(const Intervention& run) override { return subject_.outline(run); }
  Subject* causal_baseline() const noexcept override { return subject_.causal_baseline(); }
  const Weights* weights() const noexcept override { return subject_.weights(); }

 private:
  explicit Tagged(Subject& subject) : subject_(subject) {}

  Subject& subject_;
  std::vector<Tag> tags_;
};

}  // namespace pastonly::subjects
