#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "catch.h"
#include "model/model.h"
#include "model/runnable.h"
#include "stats/random.h"
#include "subjects/live_model.h"

namespace pastonly {

/// A model of two small layers under the given rule, "id,key=value,...", with weights large enough for its
/// routing to follow its tokens.
inline model::ModelConfig small_config(std::string_view rule) {
  model::ModelConfig config;
  config.vocab = 16;
  config.width = 16;
  config.layers = 2;
  config.heads = config.kv_heads = 2;
  config.head_width = 8;
  config.experts = 8;
  config.expert_width = 16;
  config.init_std = 0.3;
  auto spec = parse_rule(rule);
  if (!spec) FAIL(spec.error().message);
  config.router.rule = std::move(*spec);
  return config;
}

inline model::Model small_model(const model::ModelConfig& config, std::uint64_t seed = 1,
                                const model::TrainingConfig& training = {}) {
  auto model = model::Model::create(config, training, seed);
  if (!model) FAIL(model.error().message);
  return std::move(*model);
}

/// Tokens drawn uniformly from a vocabulary.
inline subjects::DrawTokens uniform_tokens(std::uint64_t vocab = 16) {
  return [vocab](std::uint64_t seed, std::size_t sequences, std::size_t positions) {
    stats::CounterRng rng(seed, 1);
    std::vector<std::int64_t> ids(sequences * positions);
    for (auto& id : ids) id = static_cast<std::int64_t>(rng.below(vocab));
    return ids;
  };
}

inline subjects::LiveOptions small_live(std::uint64_t seed = 1) {
  subjects::LiveOptions options;
  options.layout = {4, 24};
  options.seed = seed;
  return options;
}

inline std::unique_ptr<Subject> live(const model::Model& model, const subjects::LiveOptions& options) {
  auto subject =
      subjects::make_live(model::make_runnable(model), uniform_tokens(model.config().vocab), options);
  if (!subject) FAIL(subject.error().message);
  return std::move(*subject);
}

inline Trace observed(Subject& subject, const Intervention& run) {
  auto trace = subject.observe(run);
  if (!trace) FAIL(trace.error().message);
  return std::move(*trace);
}

}  // namespace pastonly
