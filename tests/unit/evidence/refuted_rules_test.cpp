#include "evidence/refuted_rules.h"

#include <algorithm>

#include "catch.h"
#include "evidence/survey.h"
#include "replay/whole_run.h"
#include "unit/routing/batches.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

constexpr std::size_t plan_rows = 4, plan_positions = 32, plan_experts = 8,
                      plan_tokens = plan_rows * plan_positions;

using Route = std::vector<std::uint8_t> (*)(const std::vector<float>&);

/// Every token takes its best expert; where that is full, the next one by number that has room. In order of
/// arrival, and no rule of the table.
std::vector<std::uint8_t> next_number(const std::vector<float>& scores) {
  std::vector<std::uint8_t> mask(scores.size(), 0);
  std::vector<std::size_t> room(plan_experts, plan_tokens / plan_experts);
  for (std::size_t token = 0; token < plan_tokens; ++token) {
    const auto first = scores.begin() + static_cast<std::ptrdiff_t>(token * plan_experts);
    auto e = static_cast<std::size_t>(std::max_element(first, first + plan_experts) - first);
    while (room[e] == 0) e = (e + 1) % plan_experts;
    mask[token * plan_experts + e] = 1;
    --room[e];
  }
  return mask;
}

std::vector<std::uint8_t> by_rule(const std::vector<float>& scores, std::string_view text) {
  const Trace shape =
      batch_of(plan_rows, plan_positions, plan_experts, scores, std::vector<std::uint8_t>(scores.size(), 0));
  const auto mask = replay::select_run(*made(text), shape, scores);
  return {mask.view().data(), mask.view().data() + scores.size()};
}
std::vector<std::uint8_t> assigned(const std::vector<float>& scores) { return by_rule(scores, "assignment"); }
std::vector<std::uint8_t> latest(const std::vector<float>& scores) {
  std::vector<float> reversed(scores.size());
  std::reverse_copy(scores.begin(), scores.end(), reversed.begin());
  auto mask = by_rule(reversed, "switch-capacity,capacity=12");
  std::ranges::reverse(mask);
  return mask;
}

/// A base, a repeat, and suffix runs of single plan_rows.
std::vector<evidence::RecordedRun> plan(Route route, bool suffixes = true) {
  const auto base = random_scores(plan_tokens * plan_experts, 7);
  std::vector<evidence::RecordedRun> runs;
  const auto add = [&](Intervention run, const std::vector<float>& scores) {
    run.id = static_cast<std::uint32_t>(runs.size());
    if (run.id > 0) run.base = 0;
    runs.push_back({run, batch_of(plan_rows, plan_positions, plan_experts, scores, route(scores))});
  };
  add({}, base);
  Intervention repeat;
  repeat.kind = Intervention::Kind::repeat;
  add(repeat, base);
  for (std::size_t row = 0; row < plan_rows && suffixes; ++row) {
    Intervention suffix;
    suffix.kind = Intervention::Kind::suffix;
    suffix.rows = {row};
    suffix.cut = 9 + 5 * row;
    auto scores = base;
    const auto redrawn = random_scores(plan_tokens * plan_experts, 100 + row);
    const std::size_t from = (row * plan_positions + suffix.cut) * plan_experts,
                      to = (row + 1) * plan_positions * plan_experts;
    std::copy(redrawn.begin() + from, redrawn.begin() + to, scores.begin() + from);
    add(suffix, scores);
  }
  return runs;
}

routing::Identification identified(const std::vector<evidence::RecordedRun>& runs) {
  return evidence::survey(
             runs, 0, [] { return false; }, [](std::size_t) {})
      .identifications.front();
}

bool lists(const routing::Identification& found, std::string_view id) {
  return std::ranges::any_of(found.rule.candidates, [&](const RuleCandidate& one) { return one.id == id; });
}

}  // namespace

TEST_CASE("Interventions that a balanced assignment would have answered refute it", "[known-rule]") {
  const auto found = identified(plan(next_number));
  CHECK_FALSE(lists(found, "assignment"));
  CHECK(found.rule.causal != false);
  const auto why = std::ranges::find(found.rejected, "assignment", &routing::Rejection::id);
  REQUIRE(why != found.rejected.end());
  CHECK(why->reason.find("it would have changed") != std::string::npos);
  // Without them the counts alone speak.
  CHECK(lists(identified(plan(next_number, false)), "assignment"));
}

TEST_CASE("A real assignment answers its interventions and stays", "[known-rule]") {
  const auto found = identified(plan(assigned));
  CHECK(found.rule.id == "assignment");
  CHECK(found.rule.causal == false);
}

TEST_CASE("What repeats to the last bit was not drawn", "[known-rule]") {
  const auto found = identified(plan(latest));
  CHECK_FALSE(lists(found, "random-token"));
  CHECK_FALSE(lists(found, "gshard-top-2(random-second)"));
  CHECK_FALSE(lists(found, "expert-choice(shuffled)"));
}
