#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/router_state.h"
#include "routing/fits_experts.h"
#include "routing/rule_ids.h"

namespace pastonly::model {
namespace {

namespace ids = routing::ids;

/// The first violated requirement wins.
class Requirements {
 public:
  void require(bool holds, std::string_view message) {
    if (!holds && failed_.empty()) failed_ = message;
  }
  Expected<void> result() const {
    if (failed_.empty()) return {};
    return usage_error("model: " + failed_);
  }

 private:
  std::string failed_;
};

bool finite_at_least(double value, double least) { return std::isfinite(value) && value >= least; }

void check_sizes(const ModelConfig& c, Requirements& r) {
  constexpr std::size_t most = 1U << 24;
  for (const auto& [size, name] : {std::pair{c.vocab, "vocab"},
                                   {c.width, "width"},
                                   {c.layers, "layers"},
                                   {c.heads, "heads"},
                                   {c.kv_heads, "kv_heads"},
                                   {c.head_width, "head_width"}}) {
    r.require(size >= 1 && size <= most, std::string(name) + " must lie between 1 and 2^24");
  }
  r.require(c.head_width % 2 == 0, "head_width must be even: rotary embeddings rotate pairs");
  r.require(c.kv_heads >= 1 && c.heads % std::max<std::size_t>(1, c.kv_heads) == 0,
            "kv_heads must divide heads");
  r.require(c.dense_layers <= c.layers, "dense_layers must not exceed layers");
  r.require(c.dense_layers == 0 || (c.dense_width >= 1 && c.dense_width <= most),
            "dense_width must be positive");
  r.require(c.dense_layers == c.layers || (c.experts >= 1 && c.experts <= 65535),
            "experts must lie between 1 and 65535");
  r.require(c.dense_layers == c.layers || (c.expert_width >= 1 && c.expert_width <= most),
            "expert_width must be positive");
  r.require(c.router.autonomy_rank <= most, "router.autonomy_rank must not exceed 2^24");
  r.require(c.shared_width <= most, "shared_width must not exceed 2^24");
  r.require(!c.shared_gate || c.shared_width > 0, "shared_gate needs shared_width > 0");
}

/// Rules whose name says more than their selection: the rest must be configured with them.
void check_rule(const RouterConfig& router, Requirements& r) {
  const std::string& id = router.rule.id;
  const bool cosine = router.score == Score::cosine, before = router.update == StateUpdate::before_use;
  r.require(id != ids::soft_moe ||
                (router.score == Score::softmax && router.gate == Gate::raw && router.gate_scale == 1.0),
            "rule soft-moe needs score softmax, gate raw and gate_scale 1: its weights are softmaxes of the "
            "logits");
  r.require(!cosine || router.gate == Gate::raw || router.gate == Gate::softmax,
            "cosines may be negative, so gates cannot divide by their sum: use gate softmax or raw");
  r.require(id != ids::k_means || (cosine && !before),
            "rule k-means needs score cosine and update after_use");
  r.require(id != ids::k_means_same_batch || (cosine && before),
            "rule k-means(same-batch) needs score cosine and update before_use");
  r.require(id != ids::expert_autonomy || router.score == Score::autonomy,
            "rule expert-autonomy needs score autonomy");
  r.require(id != ids::column_normalised_gate || router.gate == Gate::column_normalised,
            "rule column-normalised-gate needs gate column_normalised");
}

bool passes_tokens_by(const RouterConfig& router) {
  return router.rule.id == ids::mixture_of_depths || router.rule.id == ids::mixture_of_depths_predictor;
}

/// In double, so that no product overflows.
double parameter_count(const ModelConfig& c) {
  const auto number = [](std::size_t size) { return static_cast<double>(size); };
  const double dense = number(std::min(c.dense_layers, c.layers)), moe = number(c.layers) - dense;
  const double attention =
      number(c.heads + 2 * c.kv_heads) * number(c.head_width) + number(c.heads) * number(c.head_width);
  const double rank = number(c.autonomy_rank());
  const double experts =
      number(c.experts) * (3.0 * number(c.expert_width + 1) + rank) + 3.0 * number(c.shared_width);
  const double gates = moe * number(c.experts) * number(c.expert_width) * rank;  // autonomy
  return gates + number(c.width) * (2.0 * number(c.vocab) + number(c.layers) * attention +
                                    dense * 3.0 * number(c.dense_width) + moe * experts);
}

constexpr double largest_training = 0x1p35;  // bytes

}  // namespace

Expected<void> fits_memory(const ModelConfig& c, const Layout& batch) {
  const auto number = [](std::size_t size) { return static_cast<double>(size); };
  // Weights, gradients and the optimiser's two moments; of a token, logits and what each layer keeps.
  const double weights = 4.0 * 4.0 * parameter_count(c) + 4096.0 * number(c.layers);
  const double layer = 7.0 * number(c.width) + 2.0 * number(c.qkv_columns()) + 6.0 * number(c.experts);
  const double token = 4.0 * (number(c.vocab) + number(c.layers) * layer);
  const double tokens = number(batch.sequences) * number(batch.positions) * token;
  if (weights + tokens <= largest_training) return {};
  return usage_error(fmt::format(
      "training needs {:.0f} GiB for the weights and {:.0f} GiB for a batch of {} x {}, together "
      "more than {:.0f}; make width, experts, vocabulary, positions or sequences smaller",
      weights / 0x1p30, tokens / 0x1p30, batch.sequences, batch.positions, largest_training / 0x1p30));
}

std::size_t ModelConfig::autonomy_rank() const noexcept {
  if (router.score != Score::autonomy) return 0;
  return router.autonomy_rank > 0 ? router.autonomy_rank : std::max<std::size_t>(1, expert_width / 4);
}

Expected<void> validate(const ModelConfig& c) {
  Requirements r;
  check_sizes(c, r);
  r.require(finite_at_least(c.norm_epsilon, 0.0), "norm_epsilon must be finite and not negative");
  r.require(finite_at_least(c.init_std, 0.0), "init_std must be finite and not negative");
  r.require(finite_at_least(c.rope_theta, 1.0), "rope_theta must be at least 1");
  r.require(std::isfinite(c.router.gate_scale), "router.gate_scale must be finite");
  r.require(finite_at_least(c.router.centroid_rate, 0.0) && c.router.centroid_rate <= 1.0,
            "router.centroid_rate must lie between 0 and 1");
  check_rule(c.router, r);
  r.require(c.experts > 1 || !passes_tokens_by(c.router) || c.router.score != Score::softmax,
            "the softmax of a single expert is always 1: mixture-of-depths needs score sigmoid");
  r.require(parameter_count(c) < 0x1p32, "the sizes multiply to more than 2^32 parameters");
  if (auto checked = r.result(); !checked) return checked;
  auto rule = make_layer_rule(c.router, c.router.rule.parameters);
  if (!rule) return tl::unexpected<Error>(rule.error());
  if (c.dense_layers == c.layers) return {};
  return routing::fits_experts(**rule, c.experts);
}

Expected<void> validate(const ModelConfig& c, const TrainingConfig& t) {
  if (auto checked = validate(c); !checked) return checked;
  Requirements r;
  const Objectives& o = t.objectives;
  const bool has_rows = c.router.score != Score::cosine && c.router.score != Score::autonomy;
  r.require(has_rows || o.coupling == 0.0, "coupling needs a router with rows: softmax, sigmoid or noisy");
  r.require(has_rows || o.orthogonality == 0.0,
            "orthogonality needs a router with rows: softmax, sigmoid or noisy");
  r.require(has_rows || o.z == 0.0, "z needs logits: softmax, sigmoid or noisy");
  for (const auto& [value, name] : {std::pair{o.balance, "balance"},
                                    {o.z, "z"},
                                    {o.coupling, "coupling"},
                                    {o.coupling_alpha, "coupling_alpha"},
                                    {o.orthogonality, "orthogonality"},
                                    {t.learning_rate, "learning_rate"},
                                    {t.weight_decay, "weight_decay"},
                                    {t.clip, "clip"}}) {
    r.require(finite_at_least(value, 0.0), std::string(name) + " must be finite and not negative");
  }
  r.require(t.steps >= 1, "training.steps must be at least 1");
  r.require(finite_at_least(t.final_share, 0.0) && t.final_share <= 1.0,
            "final_share must lie between 0 and 1");
  r.require(finite_at_least(t.beta1, 0.0) && t.beta1 < 1.0, "beta1 must lie in [0, 1)");
  r.require(finite_at_least(t.beta2, 0.0) && t.beta2 < 1.0, "beta2 must lie in [0, 1)");
  r.require(finite_at_least(t.epsilon, std::numeric_limits<double>::min()), "epsilon must be positive");
  return r.result();
}

}  // namespace pastonly::model
