#include "lab/evaluation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "input/files/hash.h"
#include "lab/router_learning.h"
#include "lab/rules.h"
#include "routing/rule_ids.h"
#include "stats/e_process.h"
#include "stats/mean_interval.h"
#include "stats/random.h"

namespace pastonly::lab {
namespace {

constexpr double loss_alpha = 0.05;
constexpr std::uint64_t learning_stream = 0x4C45'4152'0000'0000ULL;
constexpr std::uint64_t chance_stream = 0x4556'414C'0000'0000ULL;

/// What one way of routing costs on the evaluation's batches.
struct RoutedPass {
  std::vector<double> losses;      // (batches) mean bits per predicted token
  std::vector<double> gains;       // (batches) mean bits gained on the source
  double log2_e = 0.0;             ///< rows averaged, batches multiplied
  double experts_per_token = 0.0;  ///< mean over tokens, layers and batches
  double loss(std::size_t batches) const {
    double sum = 0.0;
    for (std::size_t b = 0; b < batches; ++b) sum += losses[b];
    return sum / static_cast<double>(batches);
  }
};

double mean_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Runs batches of fresh tokens through the model as it is wrapped at the moment.
class Evaluator {
 public:
  Evaluator(const Experiment& experiment, const Corpus& corpus, std::uint64_t seed,
            const std::function<bool()>& stop)
      : experiment_(experiment), corpus_(corpus), seed_(seed), stop_(stop) {}

  Expected<RoutedPass> run(const model::Model& model, std::size_t batches,
                           const runtime::ObserveOptions& how) {
    RoutedPass pass;
    for (std::size_t b = 0; b < batches; ++b) {
      if (stop_())
        return tl::unexpected(Error{Error::Kind::interrupted, "interrupted; run again to continue"});
      if (auto done = one(model, b, how, pass); !done) return tl::unexpected(done.error());
    }
    pass.experts_per_token /= static_cast<double>(batches);
    return pass;
  }

 private:
  Expected<void> one(const model::Model& model, std::size_t b, runtime::ObserveOptions how,
                     RoutedPass& pass) {
    const Layout& layout = experiment_.batch;
    const auto seed = stats::CounterRng(seed_, b).bits64();
    if (auto drawn = corpus_.draw(Corpus::Part::evaluation, seed, layout, tokens_); !drawn) return drawn;
    how.seed = stats::CounterRng(seed_, chance_stream + b).bits64();
    if (auto losses = model.evaluate({layout, tokens_, {}}, how, workspace_); !losses)
      return tl::unexpected(losses.error());
    pass.experts_per_token += experts_per_token(model);
    const auto* source = corpus_.source();
    log2_p_.assign(tokens_.size(), 0.0);
    if (source != nullptr) source->log2_probabilities(tokens_, {}, layout.positions, log2_p_);
    double loss = 0.0, gain = 0.0;
    std::vector<double> rows;
    for (std::size_t row = 0; row < layout.sequences; ++row) {
      stats::EProcess process;
      for (std::size_t s = 0; s + 1 < layout.positions; ++s) {
        const std::size_t token = layout.token(row, s);
        const double bits = -workspace_.log_probs[token] / std::numbers::ln2;
        loss += bits;
        gain -= bits + log2_p_[token + 1];
        process.observe(-bits - log2_p_[token + 1]);
      }
      rows.push_back(process.log2_value());
    }
    const auto predicted = static_cast<double>(layout.sequences * (layout.positions - 1));
    pass.losses.push_back(loss / predicted);
    pass.gains.push_back(gain / predicted);
    pass.log2_e += stats::log2_mean(rows);
    return {};
  }

  double experts_per_token(const model::Model& model) const {
    double routes = 0.0, layers = 0.0;
    for (std::size_t l = model.config().dense_layers; l < model.config().layers; ++l) {
      const auto mask = workspace_.layers[l].routing.mask.view();
      routes += static_cast<double>(std::count(mask.data(), mask.data() + mask.size(), 1));
      layers += 1.0;
    }
    return layers > 0.0 ? routes / layers / static_cast<double>(tokens_.size()) : 0.0;
  }

  const Experiment& experiment_;
  const Corpus& corpus_;
  std::uint64_t seed_;
  const std::function<bool()>& stop_;
  model::Workspace<float> workspace_;
  std::vector<std::int64_t> tokens_;  // (sequences, positions)
  std::vector<double> log2_p_;        // (sequences, positions) under the source
};

/// A number that nobody can choose who has not frozen the weights.
std::uint64_t committed_seed(const std::string& weights, const std::string& key) {
  const auto hash = input::sha256_text("pastonly.evaluation/1 " + weights + " " + key);
  std::uint64_t seed = 0;
  std::from_chars(hash.data(), hash.data() + 16, seed, 16);
  return seed >> 11;
}

Expected<void> shuffled_pass(const Experiment& experiment, ArmModel& model, Evaluator& evaluator,
                             EvaluationResult& out) {
  model.unwrap();
  model.wrap([](RoutingRule& own) { return shuffled(own); });
  const auto pass = evaluator.run(model.model(), experiment.evaluation.batches, {.scores = false});
  if (!pass) return tl::unexpected(pass.error());
  out.shuffled = mean_of(pass->losses);
  return {};
}

Expected<void> streaming_pass(const Experiment& experiment, const Arm& arm, ArmModel& model,
                              Evaluator& evaluator, const RoutedPass& in_order, EvaluationResult& out) {
  const std::size_t batches =
      std::min(experiment.evaluation.streaming_batches, experiment.evaluation.batches);
  if (batches == 0 || arm.model.router.update == model::StateUpdate::before_use) return {};
  model.unwrap();
  model.wrap([&](RoutingRule& own) { return streaming(own, experiment.batch, arm.model.experts); });
  const auto pass = evaluator.run(model.model(), batches, {.scores = false});
  if (!pass) return tl::unexpected(pass.error());
  out.streaming = mean_of(pass->losses);
  out.streaming_gap = *out.streaming - in_order.loss(batches);
  out.streaming_tokens = batches * experiment.batch.sequences * (experiment.batch.positions - 1);
  return {};
}

Expected<void> top_k_pass(const Experiment& experiment, const Arm& arm, ArmModel& model, Evaluator& evaluator,
                          const RoutedPass& in_order, EvaluationResult& out) {
  const auto& router = arm.model.router;
  if (router.update == model::StateUpdate::before_use && router.score == model::Score::cosine) return {};
  const double k =
      std::clamp(std::round(in_order.experts_per_token), 1.0, static_cast<double>(arm.model.experts));
  out.k = static_cast<std::uint64_t>(k);
  const auto rule = make_rule(routing::ids::top_k, {{"k", static_cast<std::int64_t>(out.k)}});
  if (!rule) return tl::unexpected(rule.error());
  model.unwrap();
  const auto pass = evaluator.run(model.model(), experiment.evaluation.batches,
                                  {.mode = Mode::eval, .rule = rule->get(), .scores = false});
  if (!pass) return tl::unexpected(pass.error());
  out.top_k = mean_of(pass->losses);
  return {};
}

/// On one batch more, by the arm's own rule in order.
Expected<void> learned_pass(const Experiment& experiment, const Corpus& corpus, ArmModel& model,
                            EvaluationResult& out) {
  const auto seed = stats::CounterRng(out.seed, learning_stream).bits64();
  std::vector<std::int64_t> tokens;
  if (auto drawn = corpus.draw(Corpus::Part::evaluation, seed, experiment.batch, tokens); !drawn)
    return drawn;
  model.unwrap();
  out.routers = router_learning(model.model().network(), {experiment.batch, tokens, {}}, seed);
  return {};
}

void state_as_trained(const RoutedPass& pass, bool source_known, EvaluationResult& out) {
  out.loss_bits = out.lower = out.upper = mean_of(pass.losses);
  if (const auto interval = stats::mean_interval(pass.losses, loss_alpha)) {
    out.lower = interval->lower;
    out.upper = interval->upper;
  }
  if (!source_known) return;
  out.leak_bits = mean_of(pass.gains);
  out.log2_e_value = pass.log2_e;
}

}  // namespace

Expected<EvaluationResult> evaluate(const Experiment& experiment, const Arm& arm, const Corpus& corpus,
                                    const ArmStore& store, const std::function<bool()>& stop) {
  auto weights = input::sha256_file(store.state());
  if (!weights) return tl::unexpected(weights.error());
  auto loaded = model::Model::load(store.state());
  if (!loaded) return tl::unexpected(loaded.error());
  ArmModel model(*std::move(loaded), arm);
  EvaluationResult out;
  out.weights = *std::move(weights);
  out.seed = committed_seed(out.weights, arm_settings(experiment, arm));
  const std::size_t batches = experiment.evaluation.batches;
  out.tokens = batches * experiment.batch.sequences * (experiment.batch.positions - 1);
  Evaluator evaluator(experiment, corpus, out.seed, stop);

  const auto as_trained = evaluator.run(model.model(), batches, {.scores = false});
  if (!as_trained) return tl::unexpected(as_trained.error());
  state_as_trained(*as_trained, corpus.source() != nullptr, out);
  auto in_order = as_trained;
  if (arm.shuffle || arm.drop_rate > 0.0) {
    model.unwrap();
    in_order = evaluator.run(model.model(), batches, {.scores = false});
    if (!in_order) return tl::unexpected(in_order.error());
  }
  out.in_order = mean_of(in_order->losses);
  if (auto done = learned_pass(experiment, corpus, model, out); !done) return tl::unexpected(done.error());
  if (arm.model.router.rule.id == routing::ids::soft_moe) return out;
  if (auto done = shuffled_pass(experiment, model, evaluator, out); !done)
    return tl::unexpected(done.error());
  if (auto done = streaming_pass(experiment, arm, model, evaluator, *in_order, out); !done)
    return tl::unexpected(done.error());
  if (auto done = top_k_pass(experiment, arm, model, evaluator, *in_order, out); !done)
    return tl::unexpected(done.error());
  return out;
}

}  // namespace pastonly::lab
