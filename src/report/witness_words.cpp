#include <fmt/format.h>

#include <filesystem>

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

std::string place(const Value& witness) {
  std::string out;
  for (const char* key : {"layer", "row", "position", "expert"}) {
    if (has(witness, key)) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", key, shown(witness, key));
  }
  return out;
}

std::string change(const Value& witness) {
  std::string out = "run " + shown(witness, "run_id");
  if (has(witness, "cut")) {
    out += fmt::format(" redraws row {} from position {}", shown(witness, "rows_changed"),
                       shown(witness, "cut"));
  } else {
    out += fmt::format(" ({})", shown(witness, "kind"));
  }
  if (has(witness, "tokens_changed"))
    out += fmt::format(" (tokens that differ: {})", shown(witness, "tokens_changed"));
  return out;
}

std::string flip_in_words(const Value& witness) {
  const bool gained = shown(witness, "after") == "1";
  std::string out =
      fmt::format("{}; at {} the token is {}", change(witness), place(witness), gained ? "gained" : "lost");
  if (has(witness, "score_before")) {
    const std::string before = shown(witness, "score_before"), after = shown(witness, "score_after");
    out += before == after ? fmt::format(", score {} in both", before)
                           : fmt::format(", score {} -> {}", before, after);
  }
  if (has(witness, "threshold_before") && has(witness, "threshold_after")) {
    out += fmt::format(", lowest score taken {} -> {}", shown(witness, "threshold_before"),
                       shown(witness, "threshold_after"));
  }
  if (const Value* token = witness.find("single_token")) {
    out += fmt::format("; the token at row {}, position {} alone is enough", shown(*token, "row"),
                       shown(*token, "position"));
  }
  return fmt::format("{} ({}, {})", out, file(witness, "base"), file(witness, "run"));
}

std::string change_in_words(const Value& witness) {
  return fmt::format("{}; {} at {} went from {} to {}, tolerance {} ({}, {})", change(witness),
                     shown(witness, "tensor"), place(witness), shown(witness, "before"),
                     shown(witness, "after"), shown(witness, "tolerance"), file(witness, "base"),
                     file(witness, "run"));
}

}  // namespace

std::string witness_in_words(const Value& witness) {
  const std::string type = shown(witness, "type");
  if (type == "flip") return flip_in_words(witness);
  if (type == "change") return change_in_words(witness);
  return "";
}

}  // namespace pastonly::report
