#include "input/text/parse_json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr int deepest = 16;

/// Watches a parse for what nlohmann::json accepts and a strict reader does not.
class Strictness {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
        keys_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case Json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!keys_.back().insert(key).second) throw fmt::format("key '{}' occurs twice", key);
        break;
      }
      default:
        break;
    }
    if (depth > deepest) throw fmt::format("nested deeper than {} levels", deepest);
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

std::string_view without_number(std::string_view message) noexcept {
  const auto end = message.find("] ");
  return message.starts_with("[json.exception") && end != message.npos ? message.substr(end + 2) : message;
}

Expected<Json> parse_json(std::string_view text, std::string_view name, Error::Kind kind, bool comments) {
  const auto fail = [&](std::string_view why) {
    return tl::unexpected<Error>(Error{kind, printable(fmt::format("{}: {}", name, why))});
  };
  // The library takes a NUL byte for the end of the text.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(fmt::format("not JSON: NUL byte at offset {}", nul));
  }
  Strictness strictness;
  try {
    return Json::parse(
        text.begin(), text.end(),
        [&](int depth, Json::parse_event_t event, Json& parsed) { return strictness(depth, event, parsed); },
        true, comments);
  } catch (const Json::exception& error) {
    return fail(fmt::format("not JSON: {}", without_number(error.what())));
  } catch (const std::string& why) {  // thrown above: the only way to stop the parser early
    return fail(why);
  }
}

}  // namespace pastonly::input
