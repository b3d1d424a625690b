#pragma once

#include <cstdint>

#include "checkpoint/gguf_cursor.h"
#include "input/text/parse_json.h"

namespace pastonly::checkpoint {

/// The `count` keys and values that follow the header, as GgufFile says them. False: the cursor says why.
bool read_metadata(GgufCursor& cursor, std::uint64_t count, input::Json& out);

}  // namespace pastonly::checkpoint
