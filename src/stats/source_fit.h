#pragma once

#include <cstdint>
#include <span>

namespace pastonly::stats {

/// log2 of an e-value against "the tokens were drawn from a source with these conditional probabilities":
/// the mean of two adaptive coders' gains, of single tokens and of tokens given their predecessor
/// (Krichevsky and Trofimov 1981). Large where somebody names a source that the tokens were not drawn
/// from; a finding against that source would then say nothing of the model.
///
/// `tokens`: (rows, positions) of which `valid` (same shape, or empty = all) count; each within the
/// vocabulary, vocab below 2^32. `log2_p`: of each token under the source, above -inf; empty = independent
/// and uniform. 0 without tokens.
double source_misfit(std::span<const std::int64_t> tokens, std::span<const std::uint8_t> valid,
                     std::size_t positions, std::uint64_t vocab, std::span<const double> log2_p = {});

}  // namespace pastonly::stats
