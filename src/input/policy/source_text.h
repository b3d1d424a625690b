#pragma once

#include <string_view>

#include "input/text/parse_json.h"
#include "pastonly/error.h"
#include "pastonly/policy.h"

namespace pastonly::input {

/// "uniform:64" or "markov:vocab=64,order=2,successors=4,seed=7"; order is 1 and successors 4 (or the
/// vocabulary, where that is less) unless named.
Expected<Source> parse_source(std::string_view text);

/// {"kind": ..., "vocab": ..., "order": ..., "successors": ..., "seed": ...}, the same defaults, or the text
/// above. Usage errors name the key, under `where`.
Expected<Source> source_of(const Json& json, std::string_view where);

}  // namespace pastonly::input
