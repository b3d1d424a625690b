#include "audits/shared/source_doubt.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/elementary.h"
#include "pastonly/names.h"

namespace pastonly::audits {
namespace {

Claim unlike_source(std::string message, const Policy& policy) {
  Claim claim;
  claim.id = claim::unlike_source;
  claim.basis = Claim::Basis::observation;
  claim.message = std::move(message);
  claim.help = fmt::format(
      "Name the source that the tokens were drawn from ({} was named), and draw them after the training has "
      "ended. The interventions (causal-mask) need no source.",
      name(*policy.source));
  return claim;
}

}  // namespace

SourceEvidence source_evidence(std::string_view who, double log2_e, const stats::SourceFit::Gain& causal,
                               bool drawn, const Policy& policy) {
  const double needed = kernels::log2(1.0 / policy.alpha);
  const bool refuted = causal.against_source > needed;
  SourceEvidence out{log2_e - causal.bits, drawn};
  if (refuted) out.usable = std::min(out.usable, 0.0);
  if (!(log2_e > needed) || out.usable > needed) return out;
  const std::string gains = fmt::format("{} gains {:.1f} bits on the same tokens and sees earlier ones only",
                                        causal.predictor, causal.predictor_bits);
  out.doubt = unlike_source(
      fmt::format(
          "{} gains {:.1f} bits on the source {}, but {}{}: the tokens are not what the source says, and no "
          "leak can be told from that",
          who, log2_e, name(*policy.source), gains,
          refuted ? fmt::format(" (log2 e-value against the source {:.1f})", causal.against_source) : ""),
      policy);
  return out;
}

SourceEvidence source_evidence(const losses::SourcePaths& paths, const Policy& policy) {
  SourceEvidence out = source_evidence("the model", paths.log2_value(), paths.causal, paths.drawn, policy);
  if (!paths.beyond_prefixes) return out;
  out.proves = *paths.beyond_prefixes <= policy.alpha;
  if (out.proves) out.usable = std::min(out.usable, -kernels::log2(*paths.beyond_prefixes));
  return out;
}

void leave_open(const Policy& policy, Claim& claim) {
  claim.id = claim::unproven_gain;
  claim.message += fmt::format(
      ". A leak explains this, and so does a model that was trained on these very rows, or tokens that were "
      "not drawn from {}",
      name(*policy.source));
  claim.help =
      "Record `stream` runs: they show what the model gains on these tokens without their future. Or give "
      "pastonly the checkpoint: it then draws the tokens itself. The interventions (causal-mask) need no "
      "source.";
}

Measurement causal_gain(const stats::SourceFit::Gain& causal, std::uint64_t samples) {
  return {measurement::causal_gain, causal.bits, {}, {}, "bits", samples, {}};
}

std::string less_causal_gain(const stats::SourceFit::Gain& causal) {
  if (causal.bits < 0.05) return "";
  return fmt::format(", less {:.1f} bits that earlier tokens explain by themselves", causal.bits);
}

}  // namespace pastonly::audits
