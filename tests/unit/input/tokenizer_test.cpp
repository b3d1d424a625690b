#include "input/tokenizer/tokenizer.h"

#include <fstream>
#include <iterator>

#include "catch.h"
#include "input/text/parse_json.h"
#include "input/tokenizer/pattern_syntax.h"
#include "input/tokenizer/pre_tokenizer.h"
#include "input/tokenizer/regex.h"
#include "input/tokenizer/unicode_forms.h"
#include "unit/input/temporary_directory.h"

namespace pastonly::input {
namespace {

std::string written(std::string_view pattern) {
  const auto out = pcre2_pattern(pattern);
  return out ? *out : "refused: " + out.error().message;
}

/// The words that a pre-tokenizer gives, with bars between.
std::string words(const Json& pre_tokenizer, std::string_view text) {
  auto made = PreTokenizer::read(pre_tokenizer);
  if (!made) return made.error().message;
  std::string out;
  const auto done = made->split({text, true}, [&](const TextPiece& word) -> Expected<void> {
    out += (out.empty() ? "" : "|") + std::string(word.text);
    return {};
  });
  return done ? out : done.error().message;
}

Json split_by(std::string_view pattern, std::string_view behaviour, bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", behaviour}, {"invert", invert}};
}

}  // namespace

TEST_CASE("token ids are those of the tokenizers package", "[input][tokenizer]") {
  std::ifstream file(PASTONLY_SOURCE_DIR "/tests/unit/input/tokenizer_golden.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json golden = Json::parse(text);
  REQUIRE(golden.size() == 6);
  const TemporaryDirectory directory;
  for (const Json& one : golden) {
    INFO(one.at("name"));
    auto tokenizer = Tokenizer::open(directory.write("tokenizer.json", one.at("tokenizer").dump()));
    if (!tokenizer) FAIL(tokenizer.error().message);
    for (std::size_t i = 0; i < one.at("texts").size(); ++i) {
      const auto said = one.at("texts")[i].get<std::string>();
      INFO(said);
      const auto ids = tokenizer->encode(said, "text");
      if (!ids) FAIL(ids.error().message);
      CHECK(*ids == one.at("ids")[i].get<std::vector<std::int32_t>>());
      CHECK(*tokenizer->encode(said, "text") == *ids);  // from what it remembers
    }
  }
}

TEST_CASE("patterns keep the meaning that Oniguruma gives them", "[input][tokenizer]") {
  CHECK(written(R"(\s+(?!\S)|\p{N}{1,3}|[^\r\n\p{L}]?+)") ==
        R"(\p{White_Space}+(?!\P{White_Space})|\p{N}{1,3}|[^\r\n\p{L}]?+)");
  CHECK(written(R"(\p{Han}\p{^Lu}\P{Nd}^a$)") == R"(\p{sc:Han}\P{Lu}\P{Nd}(?m:^)a(?m:$))");
  CHECK(written(R"(a{,3}{x}\u3040\x41\x{1F600}\v)") == R"(a{0,3}\{x\}\x{3040}\x{41}\x{1F600}\x0b)");
  CHECK(written("(?i:'s|'ll)[一-龥]") == "(?i:'s|'ll)[一-龥]");
  for (const char* pattern :
       {"a{2}+", "a{2}?",  "\\x80",       "\\1",    "\\b",          "\\h",     "\\G",     "(?m:a)",
        "(?#a)", "a(?i)b", "[[:alpha:]]", "[a[b]]", "[\\W]",        "[]a]",    "[a",      "\\",
        "\\p",   "\\pL",   "\\p{L=x}",    "\\u30",  "(?i:\\p{Lu})", "(?i:FF)", "(*FAIL)", "(?<n>a)"}) {
    INFO(pattern);
    CHECK(written(pattern).find("is not supported") != std::string::npos);
  }
}

TEST_CASE("a text is split as each behaviour says", "[input][tokenizer]") {
  constexpr std::string_view text = "a--b-";
  CHECK(words(split_by("-", "Removed"), text) == "a|b");
  CHECK(words(split_by("-", "Isolated"), text) == "a|-|-|b|-");
  CHECK(words(split_by("-", "MergedWithPrevious"), text) == "a-|-|b-");
  CHECK(words(split_by("-", "MergedWithNext"), text) == "a|-|-b|-");
  CHECK(words(split_by("-", "Contiguous"), text) == "a|--|b|-");
  CHECK(words(split_by("-", "Removed", true), text) == "-|-|-");
  CHECK(words(split_by("x*", "Isolated"), "axx") == "a|xx");
  CHECK(words({{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "first"}}, "a  b") ==
        "_a|_|_b");
  CHECK(words({{"type", "Digits"}, {"individual_digits", true}}, "a12²") == "a|1|2|²");
  CHECK(words({{"type", "Whitespace"}}, "it's ok.") == "it|'|s|ok|.");
}

TEST_CASE("normal forms of hostile texts take linear time", "[input][tokenizer]") {
  CHECK(normal_form("e\xcc\x81\xe2\x84\xab", UnicodeForm::nfc) == "\xc3\xa9\xc3\x85");
  CHECK(normal_form("\xef\xac\x81", UnicodeForm::nfkc) == "fi");
  std::string marks = "a";  // alternately of two classes, 0.2 million of them
  for (int i = 0; i < 100'000; ++i) marks += "\xcc\x81\xcc\xa3";
  const std::string sorted = normal_form(marks, UnicodeForm::nfd);
  CHECK(sorted.size() == marks.size());
  CHECK(sorted.substr(1, 4) == "\xcc\xa3\xcc\xa3");
  CHECK(sorted.ends_with("\xcc\x81\xcc\x81"));
}

TEST_CASE("a pattern that costs too much ends in an error", "[input][tokenizer]") {
  const std::string text(400, 'a');
  auto slow = Regex::compile("(?:a+)+(?:b|c)");
  REQUIRE(slow);
  const auto found = slow->find(text, 0);
  REQUIRE_FALSE(found);
  CHECK(found.error().message.find("costs too much") != std::string::npos);
}

}  // namespace pastonly::input
