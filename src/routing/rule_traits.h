#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// What the program knows of each rule beyond what `pastonly explain` prints: the second half of its row in
// table.cpp. Whoever treats rules differently asks for a trait; ids are for whoever means one rule alone.

namespace pastonly::routing {

/// Who asks for whom.
enum class Asks {
  open,      ///< tokens ask for experts, how many is not fixed or not told by the parameters
  k,         ///< each token asks for k experts
  k_or_one,  ///< the same, for one where k is not known
  expert,    ///< each expert takes tokens
};

/// What a mask of this rule can carry about later tokens.
enum class MaskCarries {
  unknown,
  nothing,        ///< given its own scores and state from earlier batches a token's mask is a constant
  chunk_choice,   ///< what the bound of expert choice says
  second_choice,  ///< at most one bit per token: whether the second choice found a place
};

/// How a token is selected when only tokens up to it are visible.
enum class StreamingForm {
  reapplied,   ///< the rule again, on the visible tokens alone
  chunk_rank,  ///< taken where it ranks among the first of its chunk so far: expert-choice(streaming)
  shuffled_chunk_rank,   ///< the same for who runs the rule; a recording does not tell its chunks
  capacity_by_choice,    ///< the same capacity, competed for by what has been seen: better choices first
  capacity_by_priority,  ///< the same, then tokens of larger best score
  capacity_by_score,     ///< the same, larger scores first, or larger shares where `rank` says so
};

/// With which parameters the forensic sweep tries a rule, besides k where it takes one.
enum class SweepForm {
  plain,
  chunks,             ///< every chunk size, all that is routed together, each document
  capacity_factors,   ///< without spare capacity and with a quarter to spare
  no_spare_capacity,  ///< capacity_factor 1
  budgets,            ///< over each sequence, its default, and over the batch
  ranks,              ///< capacity_factor 1 over two ranks, four, ..., as long as each holds two experts
};
struct Sweep {
  std::uint8_t place = 0;  ///< 0 = not tried
  SweepForm form = SweepForm::plain;
  std::int64_t least_k = 1;
  std::int64_t most_k = INT64_MAX;
};

struct RuleTraits {
  /// Place among the rules that explain the same decisions, 1 the simplest; 0 = never identified.
  std::uint8_t simplicity = 0;
  Asks asks = Asks::open;
  std::size_t fewest_experts = 1;  ///< that a layer must have
  MaskCarries mask_carries = MaskCarries::unknown;
  bool more_than_selection = false;  ///< scores or gates of its own: the masks do not say all
  StreamingForm streaming = StreamingForm::reapplied;
  Sweep sweep = {};
};

/// Of the rule of that id; what is said of none where there is no such rule.
const RuleTraits& rule_traits(std::string_view id) noexcept;

/// Whether experts take the best of whole chunks, in order or shuffled.
constexpr bool chooses_in_chunks(const RuleTraits& traits) noexcept {
  return traits.asks == Asks::expert && (traits.streaming == StreamingForm::chunk_rank ||
                                         traits.streaming == StreamingForm::shuffled_chunk_rank);
}

}  // namespace pastonly::routing
