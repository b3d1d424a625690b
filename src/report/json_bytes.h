#pragma once

#include <string>
#include <string_view>

#include "report/ordered_json.h"

namespace pastonly::report {

/// Changes every string of the document, not its keys.
template <class Change>
void each_string(Json& json, Change change) {
  if (json.is_string()) {
    json = change(std::string_view(json.get_ref<const std::string&>()));
  } else if (json.is_structured()) {
    for (Json& member : json) each_string(member, change);
  }
}

/// The document as text of that indent. Strings that are no UTF-8 (paths) are written so that `with_bytes`
/// finds them again (input/text/raw_bytes.h).
std::string text_of(Json json, int indent);
/// What `text_of` wrote and was parsed, with its strings as they were.
void with_bytes(Json& json);

}  // namespace pastonly::report
