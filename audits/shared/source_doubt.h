#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "losses/source_paths.h"
#include "pastonly/outcome.h"
#include "pastonly/policy.h"
#include "stats/source_fit.h"

namespace pastonly::audits {

/// What a likelihood ratio to a named source is worth.
struct SourceEvidence {
  double usable = 0.0;              ///< log2 of an e-value, or less where something else bounds the evidence
  bool proves = false;              ///< a leak; else training on these tokens, or another source, explains it
  std::optional<Claim> doubt = {};  ///< the note `unlike-source`, where there would be a claim but for that
};

/// Evidence of `log2_e` that `who` ("the model") gained, less what is gained causally on the same tokens.
/// None is left where the tokens alone refute the source at the policy's level, the level of the claim.
/// `drawn`: the tokens are known to be the source's, and unknown to the model.
SourceEvidence source_evidence(std::string_view who, double log2_e, const stats::SourceFit::Gain& causal,
                               bool drawn, const Policy& policy);

/// The same of a model's losses. Tokens of which nothing is known prove a leak where the model gains less
/// without their future; the claim is then no stronger than that.
SourceEvidence source_evidence(const losses::SourcePaths& paths, const Policy& policy);

/// Turns a claim that proves nothing into the suspicion `unproven-gain`: says what explains it as well, and
/// what would settle it.
void leave_open(const Policy& policy, Claim& claim);

/// The measurement `causal_gain`.
Measurement causal_gain(const stats::SourceFit::Gain& causal, std::uint64_t samples);

/// ", less 3.1 bits that earlier tokens explain by themselves", or nothing below 0.05 bits.
std::string less_causal_gain(const stats::SourceFit::Gain& causal);

}  // namespace pastonly::audits
