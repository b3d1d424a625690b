#include <fmt/format.h>

#include <filesystem>
#include <initializer_list>

#include "report/words.h"

namespace pastonly::report {
namespace {

std::string shown(const Value& witness, const char* key) {
  const Value* value = witness.find(key);
  return value == nullptr ? "" : in_words(*value);
}

bool has(const Value& witness, const char* key) { return witness.find(key) != nullptr; }

std::string file(const Value& witness, const char* key) {
  return std::filesystem::path(shown(witness, key)).filename().string();
}

std::string place(const Value& witness, std::initializer_list<const char*> keys) {
  std::string out;
  for (const char* key : keys) {
    if (has(witness, key)) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", key, shown(witness, key));
  }
  return out;
}

/// "row 3", "rows [0, 2]"
std::string rows(const Value& witness) {
  const Value* changed = witness.find("rows_changed");
  const auto* list = changed != nullptr ? changed->array() : nullptr;
  if (list != nullptr && list->size() == 1) return "row " + in_words(list->front());
  return "rows " + shown(witness, "rows_changed");
}

std::string change(const Value& witness) {
  std::string out = "run " + shown(witness, "run_id");
  if (has(witness, "cut")) {
    out += fmt::format(" redraws {} from position {} on", rows(witness), shown(witness, "cut"));
  } else {
    out += fmt::format(" ({})", shown(witness, "kind"));
  }
  if (has(witness, "tokens_changed"))
    out += fmt::format(" (tokens changed: {})", shown(witness, "tokens_changed"));
  return out;
}

/// A figure of both runs: "its score is unchanged (0.5)", "its score rose from 0.5 to 0.6".
std::string figure(const Value& witness, std::string_view words, const char* before, const char* after) {
  const std::string first = shown(witness, before), second = shown(witness, after);
  if (first == second) return fmt::format("{} is unchanged ({})", words, first);
  const bool rose = witness.find(before)->number() < witness.find(after)->number();
  return fmt::format("{} {} from {} to {}", words, rose ? "rose" : "fell", first, second);
}

std::string flip_in_words(const Value& witness) {
  const bool gained = shown(witness, "after") == "1";
  const bool threshold = has(witness, "threshold_before") && has(witness, "threshold_after");
  const char* verb = threshold ? (gained ? "admitted" : "dropped") : gained ? "now takes" : "no longer takes";
  std::string out = fmt::format("{}; at {}, expert {} {} this token", change(witness),
                                place(witness, {"layer", "row", "position"}), shown(witness, "expert"), verb);
  if (has(witness, "score_before")) out += ": " + figure(witness, "its score", "score_before", "score_after");
  if (threshold)
    out += ", " + figure(witness, "the admission threshold", "threshold_before", "threshold_after");
  if (const Value* token = witness.find("single_token")) {
    out += fmt::format("; changing only the token at row {}, position {} reproduces it", shown(*token, "row"),
                       shown(*token, "position"));
  }
  return fmt::format("{} ({}, {})", out, file(witness, "base"), file(witness, "run"));
}

std::string change_in_words(const Value& witness) {
  return fmt::format("{}; {} at {} changed from {} to {}, tolerance {} ({}, {})", change(witness),
                     shown(witness, "tensor"), place(witness, {"layer", "row", "position", "expert"}),
                     shown(witness, "before"), shown(witness, "after"), shown(witness, "tolerance"),
                     file(witness, "base"), file(witness, "run"));
}

}  // namespace

std::string witness_in_words(const Value& witness) {
  const std::string type = shown(witness, "type");
  if (type == "flip") return flip_in_words(witness);
  if (type == "change") return change_in_words(witness);
  return "";
}

}  // namespace pastonly::report
