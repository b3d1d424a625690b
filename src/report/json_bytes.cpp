#include "report/json_bytes.h"

#include "input/text/raw_bytes.h"

namespace pastonly::report {

std::string text_of(Json json, int indent) {
  each_string(json, [](std::string_view bytes) { return input::text_of_bytes(bytes); });
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void with_bytes(Json& json) {
  each_string(json, [](std::string_view text) { return input::bytes_of_text(text); });
}

}  // namespace pastonly::report
