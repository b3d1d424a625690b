#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "audits/checks.h"
#include "audits/shared/source_doubt.h"
#include "evidence/observations.h"
#include "losses/paired_loss.h"
#include "losses/source_paths.h"
#include "losses/variant_losses.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "stats/bootstrap.h"
#include "stats/e_process.h"

namespace pastonly::audits {
namespace {

/// A difference that is no proof of anything, said where its interval lies above 0.
void suspect(const Measurement& difference, std::string id, std::string message, std::string help, Ran& out) {
  if (!difference.lower || *difference.lower <= 0.0) return;
  Claim claim;
  claim.id = std::move(id);
  claim.basis = Claim::Basis::observation;
  claim.message = std::move(message);
  claim.help = std::move(help);
  out.claims.push_back(std::move(claim));
}

Expected<void> measure_reliance(const CheckContext& context, Ran& out) {
  const auto pairs = losses::shuffled_losses(context.observations);
  if (!pairs) return tl::unexpected(pairs.error());
  if (pairs->empty()) return {};
  const double alpha = context.policy.alpha;
  const Measurement reliance = pairs->difference(measurement::reliance, alpha, context.seed);
  out.measurements.push_back(pairs->base(measurement::loss_in_order, alpha, context.seed));
  out.measurements.push_back(pairs->runs(measurement::loss_shuffled, alpha, context.seed));
  out.measurements.push_back(reliance);
  suspect(reliance, claim::reliance,
          fmt::format("the loss rises by {} bits per token when the tokens are routed in random order: the "
                      "model uses which tokens compete with each other",
                      losses::with_interval(reliance)),
          "This is not a proof: first-come capacity is causal and shows such a rise as well. causal-mask "
          "shows whether the model uses later tokens.",
          out);
  return {};
}

/// No claim: a model is at its best under the rule it was trained under, whichever that is.
Expected<void> measure_top_k(const CheckContext& context, Ran& out) {
  const auto pairs = losses::top_k_losses(context.observations);
  if (!pairs) return tl::unexpected(pairs.error());
  if (pairs->empty()) return {};
  out.measurements.push_back(pairs->runs(measurement::loss_top_k, context.policy.alpha, context.seed));
  out.measurements.push_back(pairs->difference(measurement::top_k_gap, context.policy.alpha, context.seed));
  return {};
}

Expected<void> measure_twin(const CheckContext& context, Ran& out) {
  const auto pairs = losses::causal_baseline_losses(context.observations);
  if (!pairs) return tl::unexpected(pairs.error());
  if (pairs->empty()) return {};
  const Measurement gap = pairs->difference(measurement::twin_gap, context.policy.alpha, context.seed);
  out.measurements.push_back(pairs->runs(measurement::loss_twin, context.policy.alpha, context.seed));
  out.measurements.push_back(gap);
  suspect(gap, claim::twin_gap,
          fmt::format("the loss is {} bits per token lower than that of the causal baseline: the model uses "
                      "this much of the leak, if the two differ only in their routing",
                      losses::with_interval(gap)),
          "This is not a proof: the model and its causal baseline differ by their seeds as well. causal-mask "
          "shows what routing depends on, and forensic-sweep shows under which rule.",
          out);
  return {};
}

Expected<void> measure_streaming(const CheckContext& context, Ran& out) {
  const auto pairs = losses::streamed_losses(context.observations);
  if (!pairs) return tl::unexpected(pairs.error());
  if (pairs->empty()) return {};
  const double alpha = context.policy.alpha;
  const Measurement gap = pairs->difference(measurement::streaming_gap, alpha, context.seed);
  out.measurements.push_back(pairs->runs(measurement::loss_streaming, alpha, context.seed));
  out.measurements.push_back(gap);
  suspect(gap, claim::streaming_gap,
          fmt::format("the loss rises by {} bits per token when every token is run with nothing after it, as "
                      "in deployment",
                      losses::with_interval(gap)),
          "The model will not reach its training loss in deployment. causal-mask shows the cause.", out);
  return {};
}

/// What luck at level alpha does not explain, and the e-value that says so.
Claim used_leak(const CheckContext& context, const losses::SourcePaths& paths, const Measurement& leak,
                double usable) {
  const double log2_e = paths.log2_value();
  Claim claim;
  claim.id = claim::used_leak;
  claim.basis = Claim::Basis::statistical;
  claim.p_value = stats::p_value_of(usable);
  Measurement amount = leak;
  amount.upper.reset();
  amount.lower = stats::mean_lower_bound(usable, context.policy.alpha, paths.predicted);
  amount.value = std::max(amount.value, *amount.lower);
  if (std::isfinite(*amount.lower)) claim.amount = std::move(amount);
  claim.message = fmt::format(
      "the loss in order is {} bits per token below the source's own loss on the same tokens: so much "
      "information about the targets would give it (log2 e-value {:.1f}{} over {} batch{})",
      losses::with_interval(leak), log2_e, less_causal_gain(paths.causal), paths.log2_e.size(),
      paths.log2_e.size() == 1 ? "" : "es");
  claim.witness.set("type", "e-value");
  claim.witness.set("run", context.observations.runs(Intervention::Kind::base).front()->id);
  claim.witness.set("source", name(*context.policy.source));
  claim.witness.set("loss_bits", paths.loss_bits);
  if (std::isfinite(log2_e)) claim.witness.set("log2_e_value", log2_e);
  claim.help =
      "No causal model reaches such a loss. causal-mask and batch-isolation show which tokens the routing "
      "depends on.";
  return claim;
}

Expected<void> measure_leak(const CheckContext& context, Ran& out) {
  if (!context.policy.source || !context.observations.subject().capabilities().tokens) return {};
  const auto paths = losses::source_paths(context.observations, *context.policy.source);
  if (!paths) return tl::unexpected(paths.error());
  if (paths->predicted == 0.0 || !std::isfinite(paths->leak_bits)) return {};
  const auto samples = static_cast<std::uint64_t>(paths->predicted);
  Measurement leak{measurement::leak_bits, paths->leak_bits, {}, {}, "bits per token", samples, {}};
  if (const auto interval = stats::bootstrap_ratio(paths->gains, paths->tokens,
                                                   {.alpha = context.policy.alpha, .seed = context.seed})) {
    leak.lower = interval->lower;
    leak.upper = interval->upper;
  }
  out.measurements.push_back(
      {measurement::loss_bits, paths->loss_bits, {}, {}, "bits per token", samples, {}});
  out.measurements.push_back(
      {measurement::source_entropy, paths->entropy_bits, {}, {}, "bits per token", samples, {}});
  out.measurements.push_back(leak);
  if (std::isfinite(paths->log2_value()))
    out.measurements.push_back({measurement::log2_e_value, paths->log2_value(), {}, {}, "bits", samples, {}});
  out.measurements.push_back(causal_gain(paths->causal, samples));
  auto evidence = source_evidence(*paths, context.policy);
  out.claims.push_back(used_leak(context, *paths, leak, evidence.usable));
  if (!evidence.proves) leave_open(context.policy, out.claims.back());
  if (evidence.doubt) out.claims.push_back(*std::move(evidence.doubt));
  return {};
}

Outcome run_loss_anomaly(const CheckContext& context) {
  Ran out;
  for (const auto measure :
       {measure_leak, measure_reliance, measure_top_k, measure_streaming, measure_twin}) {
    if (auto done = measure(context, out); !done) return done.error();
  }
  if (out.measurements.empty())
    return Skipped{"the source is not given, and no shuffle, reroute or stream run holds log-probabilities"};
  return out;
}

}  // namespace

const Check loss_anomaly_check{
    check_id::loss_anomaly,
    "Losses that a causal model cannot reach",
    "Measures how much of a suspiciously low loss comes from a leak, by losses under altered routing. Used "
    "leak: the source's own loss on the same tokens minus the model's, where the source is known; an e-value "
    "separates it from luck. Reliance: the loss under shuffled routing minus the loss in order. Streaming "
    "gap: the loss with nothing after each token minus the loss in order. Top-k gap: the same under plain "
    "top-k. Twin gap: the loss of the causal baseline minus the loss in order. Reliance and gaps overstate a "
    "leak and prove none.",
    {.log_probs = true},
    run_loss_anomaly,
    {},
    Effort{.budget = 0.25, .most_runs = 128, .reroutes = true},
};

}  // namespace pastonly::audits
