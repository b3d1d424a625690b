#pragma once

#include <vector>

#include "input/text/parse_json.h"
#include "pastonly/error.h"

namespace pastonly::lab {

/// The arms that an entry of "arms" stands for: one for each combination of the values in its "sweep",
/// {"NAME": [value, ...], ...}, the last name running fastest, with {NAME} replaced in every text of the
/// entry. A text that is {NAME} and nothing else becomes the value itself. An entry without a sweep stands
/// for itself. The results have no "sweep". Usage errors name the key, under `where`.
Expected<std::vector<input::Json>> expand_sweep(const input::Json& entry, std::string_view where);

}  // namespace pastonly::lab
