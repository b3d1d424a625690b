#pragma once

#include <memory>
#include <vector>

#include "pastonly/subject.h"
#include "toy/batches.h"
#include "toy/model.h"
#include "toy/recipe.h"

namespace pastonly::toy {

/// A live subject made from a recipe: answers every intervention on its base batch.
class ToySubject final : public Subject {
 public:
  static Expected<std::unique_ptr<ToySubject>> make(const Recipe& recipe);

  const SubjectInfo& info() const noexcept override { return info_; }
  Capabilities capabilities() const noexcept override;
  const std::vector<Intervention>& interventions() const noexcept override { return runs_; }
  const std::vector<Intervention>& missing() const noexcept override { return missing_; }
  Expected<Trace> observe(const Intervention& run) override;
  /// The same as owned arrays, for writing.
  Expected<TraceData> compute(const Intervention& run) const;

 private:
  ToySubject(const Recipe& recipe, Model model);

  Recipe recipe_;
  Model model_;
  SubjectInfo info_;
  std::vector<Intervention> runs_;
  std::vector<Intervention> missing_;
};

}  // namespace pastonly::toy
