#include "lab/experiment.h"
#include "model/config_json.h"
#include "pastonly/version.h"

namespace pastonly::lab {

namespace {

input::Json settings(const Experiment& experiment, const Arm& arm) {
  const Tokens& tokens = experiment.tokens;
  return {{"schema", "pastonly.arm/1"},
          {"experiment_seed", experiment.seed},
          {"seed", arm.seed},
          {"shuffle", arm.shuffle},
          {"drop_rate", arm.drop_rate},
          {"model", model::to_json(arm.model)},
          {"training", model::to_json(arm.training)},
          {"source", tokens.source ? pastonly::name(*tokens.source) : std::string()},
          {"format", tokens.format},
          {"sha256", tokens.sha256},
          {"vocab", tokens.vocab},
          {"batch", {experiment.batch.sequences, experiment.batch.positions}},
          {"evaluation", {experiment.evaluation.batches, experiment.evaluation.streaming_batches}}};
}

}  // namespace

std::string arm_settings(const Experiment& experiment, const Arm& arm) {
  return settings(experiment, arm).dump();
}

std::string arm_key(const Experiment& experiment, const Arm& arm) {
  input::Json key = settings(experiment, arm);
  key["version"] = version();
  key["commit"] = commit();
  return key.dump();
}

}  // namespace pastonly::lab
