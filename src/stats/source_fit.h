#pragma once

#include <cstdint>
#include <span>

namespace pastonly::stats {

/// log2 of an e-value against "the tokens are independent and uniform over {0, ..., vocab - 1}": the
/// mean of two adaptive coders' gains, of single tokens and of tokens given their predecessor
/// (Krichevsky and Trofimov 1981). Large where somebody names a source that the tokens were not drawn
/// from; a finding against that source would then say nothing of the model.
///
/// `tokens`: (rows, positions) of which `valid` (same shape, or empty = all) count; each within the
/// vocabulary, vocab below 2^32. 0 without tokens.
double source_misfit(std::span<const std::int64_t> tokens, std::span<const std::uint8_t> valid,
                     std::size_t positions, std::uint64_t vocab);

}  // namespace pastonly::stats
