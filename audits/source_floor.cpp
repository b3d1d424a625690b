#include <fmt/format.h>

#include <cmath>

#include "audits/checks.h"
#include "audits/shared/source_doubt.h"
#include "evidence/observations.h"
#include "losses/source_paths.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "stats/bootstrap.h"
#include "stats/e_process.h"

namespace pastonly::audits {
namespace {

Claim floor_claim(const CheckContext& context, const losses::SourcePaths& paths, double usable) {
  const double log2_e = paths.log2_value();
  Claim claim;
  claim.id = claim::below_entropy;
  claim.basis = Claim::Basis::statistical;
  claim.p_value = stats::p_value_of(usable);
  Measurement leak{measurement::leak_bits, paths.leak_bits, {}, {}, "bits per token", {}, {}};
  leak.samples = static_cast<std::uint64_t>(paths.predicted);
  leak.lower = stats::mean_lower_bound(usable, context.policy.alpha, paths.predicted);
  leak.value = std::max(leak.value, *leak.lower);
  if (std::isfinite(leak.value) && std::isfinite(*leak.lower)) claim.amount = std::move(leak);
  const std::string batches =
      paths.log2_e.size() == 1
          ? std::string()
          : fmt::format(", batch by batch, and multiplied over {} batches drawn separately,",
                        paths.log2_e.size());
  claim.message = fmt::format(
      "the loss is {:.3f} bits per token on a source of entropy {:.3f}; averaged over {} sequences{} the "
      "likelihood ratio to the source is 2^{:.1f}{}, which a causal model reaches with probability at most "
      "2^-{:.1f} on fresh tokens of the source (if its probabilities sum to at most 1)",
      paths.loss_bits, paths.entropy_bits, paths.gains.size(), batches, log2_e,
      less_causal_gain(paths.causal), std::max(0.0, usable));
  if (paths.beyond_prefixes && *paths.beyond_prefixes <= context.policy.alpha)
    claim.message += fmt::format("; the model gains less where it sees nothing after a token (p = {:.2g})",
                                 *paths.beyond_prefixes);
  claim.witness.set("type", "e-value");
  claim.witness.set("run", context.observations.runs(Intervention::Kind::base).front()->id);
  claim.witness.set("source", name(*context.policy.source));
  if (std::isfinite(paths.loss_bits)) claim.witness.set("loss_bits", paths.loss_bits);
  if (std::isfinite(log2_e)) claim.witness.set("log2_e_value", log2_e);
  claim.help =
      "The model gets information about its targets. The interventions (causal-mask) show where it comes "
      "from. A model that passes them all leaks outside the router.";
  return claim;
}

Outcome run_source_floor(const CheckContext& context) {
  const auto found = losses::source_paths(context.observations, *context.policy.source);
  if (!found) return found.error();
  const losses::SourcePaths& paths = *found;
  if (paths.predicted == 0.0) return Skipped{"no position holds a log-probability"};
  const double log2_e = paths.log2_value();
  const auto samples = static_cast<std::uint64_t>(paths.predicted);
  Ran ran;
  const auto add = [&](std::string name, double value, std::string unit) {
    if (!std::isfinite(value)) return;
    ran.measurements.push_back({std::move(name), value, {}, {}, std::move(unit), samples, {}});
  };
  add(measurement::loss_bits, paths.loss_bits, "bits per token");
  add(measurement::source_entropy, paths.entropy_bits, "bits per token");
  add(measurement::log2_e_value, log2_e, "bits");
  add(measurement::log2_e_supremum, paths.supremum, "bits");
  ran.measurements.push_back(causal_gain(paths.causal, samples));
  Measurement leak{measurement::leak_bits, paths.leak_bits, {}, {}, "bits per token", samples, {}};
  if (const auto interval = stats::bootstrap_ratio(paths.gains, paths.tokens,
                                                   {.alpha = context.policy.alpha, .seed = context.seed})) {
    leak.lower = interval->lower;
    leak.upper = interval->upper;
  }
  if (std::isfinite(leak.value)) ran.measurements.push_back(leak);
  auto evidence = source_evidence(paths, context.policy);
  ran.claims.push_back(floor_claim(context, paths, evidence.usable));
  if (!evidence.proves) leave_open(context.policy, ran.claims.back());
  if (evidence.doubt) ran.claims.push_back(*std::move(evidence.doubt));
  return ran;
}

}  // namespace

const Check source_floor_check{
    check_id::source_floor,
    "Loss below the entropy of a known source",
    "On tokens drawn from a source whose probabilities are known, no causal model can do better than the "
    "source. The likelihood ratio of every sequence is an e-process; their average over the batch bounds the "
    "probability of such a loss for a causal model. What predictors gain that see earlier tokens only is "
    "taken "
    "off: such tokens are not what the source says. The check assumes that the recorded probabilities sum to "
    "at most 1 over the vocabulary. No finding does not mean that the model is causal: a model that never "
    "learned to use a leak shows nothing.",
    {.log_probs = true, .tokens = true, .source = true},
    run_source_floor,
    {},
    Effort{.budget = 0.25, .most_runs = 64},
};

}  // namespace pastonly::audits
