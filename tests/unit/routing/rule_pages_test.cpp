#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

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
                     yes(d.random));
}

/// One paragraph in lines of 118 characters at most, broken at spaces.
std::string wrap(std::string_view paragraph) {
  constexpr std::size_t width = 118;
  std::string text;
  std::size_t line = 0;
  while (!paragraph.empty()) {
    const std::string_view word = paragraph.substr(0, paragraph.find(' '));
    paragraph.remove_prefix(std::min(word.size() + 1, paragraph.size()));
    const bool fits = line + 1 + word.size() <= width;
    if (line > 0) text += fits ? ' ' : '\n';
    line = line > 0 && fits ? line + 1 + word.size() : word.size();
    text += word;
  }
  return text;
}

std::string dependence_table(const Dependence& d) {
  return fmt::format(
      "| axis | what is changed | depends on it |\n|---|---|---|\n"
      "| future | later tokens of the same sequence | {} |\n"
      "| other sequences | the other sequences of the batch | {} |\n"
      "| their order | the order of the sequences in the batch | {} |\n"
      "| length | tokens appended to every sequence | {} |\n"
      "| chance | the random seed | {} |\n",
      yes(d.future), yes(d.batch), yes(d.order), yes(d.length), yes(d.random));
}

std::string page(const RuleInfo& info) {
  std::string text =
      fmt::format("# `{}`: {}\n\n## What it does\n\n{}\n\n", info.id, info.title, wrap(info.semantics));
  text += fmt::format("## Where it is used\n\n{}\n\n", wrap(info.used_in));
  text += fmt::format("## Is it causal?\n\n{}\n\n",
                      wrap(fmt::format("**{}.** {}", info.usual.future ? "No" : "Yes", info.why)));
  text +=
      "With its usual parameters and a batch of several sequences, routing under this rule depends on:\n\n";
  text += dependence_table(info.usual);
  text += "\n[Routing rules](README.md#what-the-columns-mean) defines the axes.\n\n";
  text += fmt::format("## Parameters\n\n`{}`\n\n{}\n\n", info.keys,
                      wrap(fmt::format("Ties (equal scores): {}.", info.ties)));
  text += "[Common parameters](README.md#common-parameters) explains the notation.\n\n";
  text += fmt::format("## What to use instead\n\n{}\n",
                      info.instead.empty() ? "No replacement is needed." : wrap(info.instead));
  return text;
}

std::string index() {
  std::string text =
      "# Routing rules\n"
      "\n"
      "A routing rule decides which experts process which tokens. A rule that depends on later tokens of the "
      "same sequence is\n"
      "not causal. Each rule has a page that says what it does, which frameworks use it and under which "
      "option, why it is or\n"
      "is not causal, and what to use instead.\n"
      "\n"
      "Example: Megatron with `moe_expert_capacity_factor` set drops the choices with the lowest "
      "(renormalised) scores by\n"
      "default. That is [`drop-by-score`](drop-by-score.md). It depends on the future, on other sequences "
      "and on the length,\n"
      "and its page names replacements. To audit a checkpoint under a rule, give its parameters after its "
      "id:\n"
      "`pastonly audit CHECKPOINT --rule expert-choice,k=8,chunk=512`.\n"
      "\n"
      "The table shows what routing under each rule depends on, with its usual parameters and a batch of "
      "several flattened\n"
      "sequences. The dependence is a function of parameters and layout:\n"
      "\n"
      "- A capacity that no demand can exceed makes every rule with a capacity a `top-k`.\n"
      "- A chunk inside one row sees no other row.\n"
      "- A sequence routed separately (`scope=sequence`) sees no other sequence.\n"
      "\n"
      "| rule | name | future | other sequences | their order | length | chance |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const RuleInfo& info : routing_rules()) {
    text += fmt::format("| [`{}`]({}) | {} {}\n", info.id, page_name(info.id), info.title,
                        dependence_row(info.usual));
  }
  text +=
      "\n"
      "## What the columns mean\n"
      "\n"
      "- *future*: later tokens of the same sequence, with the length unchanged.\n"
      "- *other sequences*: the other sequences of the batch.\n"
      "- *their order*: the same sequences, permuted. If an exact tie between sequences goes to the one that "
      "comes first,\n"
      "  that does not count as a dependence on the order.\n"
      "- *length*: any number of tokens appended to every sequence, with the capacity recomputed. For a "
      "flattened chunk that\n"
      "  divides the row, whole chunks are appended, because any other number of tokens moves the borders.\n"
      "- *chance*: another random seed. Noise belongs to the token: it is determined by the seed, the "
      "position and the\n"
      "  token's own scores.\n"
      "\n"
      "## Common parameters\n"
      "\n"
      "The pages list the parameters of each rule as `--rule` takes them. `key=value` gives the default, and "
      "`a|b` are\n"
      "alternatives. A key without a default has to be given, unless it is optional as described here.\n"
      "\n"
      "- `k`: choices per token. For expert choice, the mean number of experts per token, which need not be "
      "whole.\n"
      "- `capacity`: slots per expert (C).\n"
      "- `capacity_factor`, with `capacity_formula` (deepspeed, megatron, megablocks, fairscale, fairseq, "
      "fairseq-eval,\n"
      "  tutel, flaxformer, vmoe, mesh, colossalai, maxtext, olmo-core) and `min_capacity`: instead of "
      "`capacity`. They\n"
      "  compute C from the number of tokens routed together, with the framework's own expression. "
      "A factor is above 0: for\n"
      "  frameworks that take 0 as \"no capacity\", the rule is `top-k`. `min_capacity` is optional.\n"
      "- `chunk`: tokens per chunk. If it is absent, all tokens routed together form one chunk.\n"
      "- `scope`: `batch` routes all tokens together, `sequence` routes each sequence separately. `document` "
      "(for rules that\n"
      "  list `separator`) routes the documents packed into a row separately: each ends with the token id "
      "`separator`, or\n"
      "  with the row. Where token ids are unknown, a row is one document.\n"
      "- `order`: the order in which the rule takes the tokens, `batch-major` or `sequence-major`. If it is "
      "absent, the order\n"
      "  of the layout.\n"
      "- Values out of range, keys that a rule does not take, keys given twice and keys without a meaning "
      "beside the others\n"
      "  are refused. Where the experts are known, k must not exceed them, and groups and ranks must divide "
      "them.\n"
      "- Ties: each page names the entry that wins among equal scores. *Lower expert* is the expert with the "
      "lower index,\n"
      "  *lower token* the earlier token in router order.\n"
      "- `padding`: with `skipped`, padding takes no slot and is never routed. It counts in the number of "
      "tokens from which\n"
      "  the capacity is computed. With `counts`, padding is routed as any token is, and takes the slots "
      "that "
      "it wins.\n"
      "- Scores that are not finite rank below all others.\n"
      "\n"
      "The pages use these symbols: T is the number of tokens routed together, N the number of experts, S "
      "the number of\n"
      "positions of a sequence, C the slots per expert, and s a router score.\n";
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
