#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "catch.h"
#include "pastonly/routing_rule.h"

using namespace pastonly;

// The pages of docs/rules say what the table says. PASTONLY_WRITE_PAGES=1 writes them anew from it.

namespace {

/// "expert-choice(shuffled)" -> "expert-choice-shuffled.md"
std::string page_name(std::string_view id) {
  std::string name;
  for (const char c : id) {
    if (c != ')') name += c == '(' ? '-' : c;
  }
  return name + ".md";
}

std::string_view yes(bool value) { return value ? "yes" : "no"; }

std::string dependence_row(const Dependence& d) {
  return fmt::format("| {} | {} | {} | {} | {} |", yes(d.future), yes(d.batch), yes(d.order), yes(d.length),
                     yes(d.chance));
}

std::string page(const RuleInfo& info) {
  std::string text = fmt::format("# `{}`: {}\n\n{}\n\n", info.id, info.title, info.semantics);
  text += fmt::format("## {}\n\n{}\n\n", info.usual.future ? "Why it is not causal" : "Why it is causal",
                      info.why);
  if (!info.instead.empty()) text += fmt::format("Instead: {}\n\n", info.instead);
  text += "What its outcome hangs on, with its usual parameters and a batch of several sequences:\n\n";
  text += "| future | other sequences | their order | length | chance |\n|---|---|---|---|---|\n";
  text += dependence_row(info.usual) + "\n\n";
  text += fmt::format("## Where it is used\n\n{}\n\n", info.used_in);
  text += fmt::format("## Parameters and ties\n\n`{}`\n\nEqual scores: {}.\n", info.keys, info.ties);
  return text;
}

std::string index() {
  std::string text =
      "# Routing rules\n\n"
      "What each rule's outcome hangs on with its usual parameters and a batch of several flattened "
      "sequences.\n"
      "Dependence is a function of parameters and layout: a capacity that no demand can exceed makes every "
      "capped\n"
      "rule a `top-k`, a chunk inside one row sees no other row, a sequence routed alone (`scope=sequence`) "
      "sees\n"
      "no other sequence.\n\n"
      "| rule | | future | other sequences | their order | length | chance "
      "|\n|---|---|---|---|---|---|---|\n";
  for (const RuleInfo& info : routing_rules()) {
    text += fmt::format("| [`{}`]({}) | {} {}\n", info.id, page_name(info.id), info.title,
                        dependence_row(info.usual));
  }
  text +=
      "\n## What the columns mean\n\n"
      "- *future*: later tokens of the same sequence, the length unchanged.\n"
      "- *other sequences*: what else stands in the batch; *their order*: the same sequences, permuted. "
      "Where an\n"
      "  exact tie between sequences goes to the one that stands first, that alone is not counted as order.\n"
      "- *length*: any number of tokens appended to every sequence, capacity recomputed. For a flattened "
      "chunk that\n"
      "  divides the row: whole chunks appended, since anything else moves the borders.\n"
      "- *chance*: another seed. Noise belongs to the token: its seed, position and own scores.\n\n"
      "## Common parameters\n\n"
      "- `k`: choices per token; for expert choice the mean number of experts per token, which need not be "
      "whole.\n"
      "- `capacity`: slots per expert. Or `capacity_factor` with `capacity_formula` (deepspeed, megatron, "
      "megablocks,\n"
      "  fairscale, fairseq, fairseq-eval, tutel, flaxformer, vmoe, mesh, colossalai, maxtext, olmo-core) "
      "and\n"
      "  `min_capacity`: the framework's own expression of the number of tokens routed together.\n"
      "- `scope`: `batch` routes all tokens together, `sequence` each sequence alone.\n"
      "- `order`: in which order the rule takes the tokens, `batch-major` or `sequence-major`; as the layout "
      "says\n"
      "  where it is absent.\n"
      "- Padding takes no slot and is never routed; it counts in the number of tokens that capacity is "
      "computed from.\n"
      "- Scores that are not finite rank below all others.\n";
  return text;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void check_page(const std::filesystem::path& path, const std::string& expected) {
  if (std::getenv("PASTONLY_WRITE_PAGES") != nullptr) std::ofstream(path, std::ios::binary) << expected;
  INFO(path << " differs from the table: run this test with PASTONLY_WRITE_PAGES=1");
  CHECK(read(path) == expected);
}

}  // namespace

TEST_CASE("docs/rules: every rule has its page, and it says what the table says", "[routing][docs]") {
  const auto folder = std::filesystem::path(PASTONLY_SOURCE_DIR) / "docs" / "rules";
  std::set<std::string> expected{"README.md"}, found;
  for (const RuleInfo& info : routing_rules()) {
    expected.insert(page_name(info.id));
    check_page(folder / page_name(info.id), page(info));
  }
  check_page(folder / "README.md", index());
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    found.insert(entry.path().filename().string());
  CHECK(found == expected);
}
