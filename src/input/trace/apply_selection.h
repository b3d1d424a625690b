#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::input {

// Where a file holds scores and no decisions, selection is applied as told: by --top-k, else by the
// rule that the producer declares.

/// Plain top-k of the layer's scores (or logits), plus its bias where recorded; ties go to the lower
/// index, NaN ranks last. (tokens, experts) bytes. Requires layer.ranking() and 1 <= k <= experts.
std::vector<std::byte> select_top_k(const LayerRecord& layer, std::size_t k);

/// The declared rule (Trace::rule) on the layer's scores: its mask before or after drops, as the
/// trace's stage says. A declaration that is no rule, or a rule that does not fit, is an input error naming
/// the file.
Expected<std::vector<std::byte>> select_as_declared(const Trace& trace, const LayerRecord& layer);

}  // namespace pastonly::input
