#pragma once

#include <functional>
#include <vector>

#include "lab/corpus.h"
#include "lab/experiment.h"
#include "lab/store.h"
#include "model/model.h"
#include "pastonly/error.h"

namespace pastonly::lab {

/// Lets the trainer say how far it is and learn whether to stop. Called after every step.
struct TrainWatch {
  std::function<void(std::size_t step, double bits)> progress = [](std::size_t, double) {};
  std::function<bool()> stop = [] { return false; };
};

/// Rules around an arm's own, and the model they are in. The model must not outlive this.
class ArmModel {
 public:
  ArmModel(model::Model model, const Arm& arm);

  model::Model& model() noexcept { return model_; }
  const model::Model& model() const noexcept { return model_; }

  /// Puts the arm's wrappers (shuffle, random drops) around every layer's rule, as in training; or other
  /// rules, made from each layer's own; or takes them off, which saving needs.
  void wrap();
  using MakeRule = std::function<std::unique_ptr<RoutingRule>(RoutingRule& own)>;
  void wrap(const MakeRule& make);
  void unwrap();

 private:
  model::Model model_;
  bool shuffle_;
  double drop_rate_;
  std::vector<std::vector<std::unique_ptr<RoutingRule>>>
      inner_;  // (layers) what stands inside, own rule first
};

struct Trained {
  std::unique_ptr<ArmModel> arm;
  TrainingRecord record;
};

/// Trains the arm to its last step, from the store's state where there is one, and leaves the final state
/// there. The state is written every few seconds and when asked to stop (an error of kind interrupted). The
/// result is the same to the last bit whenever it was interrupted and for any number of threads. What is
/// measured on the way reads the model and moves nothing.
Expected<Trained> train(const Experiment& experiment, const Arm& arm, const Corpus& corpus,
                        const ArmStore& store, const TrainWatch& watch);

}  // namespace pastonly::lab
