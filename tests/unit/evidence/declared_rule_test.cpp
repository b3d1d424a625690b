#include "evidence/declared_rule.h"

#include <algorithm>
#include <bit>

#include "catch.h"
#include "unit/routing/batches.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

constexpr std::size_t experts = 8, tokens = 256;

std::vector<evidence::RecordedRun> base_run(Trace trace, std::string rule) {
  trace.rule = std::move(rule);
  return {{Intervention{}, std::move(trace)}};
}

std::optional<evidence::DeclaredRule> declared(const std::vector<evidence::RecordedRun>& runs) {
  return evidence::try_declared_rule(runs, 0, runs.front().trace.layers.front().index);
}

float to_bfloat16(float value) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x8000U) & 0xffff0000U);
}

}  // namespace

TEST_CASE("A declared rule that the decisions follow explains all of them", "[known-rule]") {
  const auto scores = random_scores(tokens * experts, 11);
  const auto found =
      declared(base_run(batch_of(4, 64, experts, scores, best_of(scores, experts, 2)), R"("top-k,k=2")"));
  REQUIRE(found);
  CHECK(found->explained() == 1.0);
  CHECK_FALSE(found->broken());
}

TEST_CASE("A declared capacity that the decisions ignore is broken, and so is another k", "[known-rule]") {
  const auto scores = random_scores(tokens * experts, 12);
  const auto trace = batch_of(4, 64, experts, scores, best_of(scores, experts, 1));
  for (const char* rule :
       {R"({"id": "fixed-capacity", "capacity": 4})", R"("top-k,k=2")", R"("biased-top-k,k=1,bias=[0.5]")"}) {
    CAPTURE(rule);
    const auto found = declared(base_run(trace, rule));
    REQUIRE(found);
    CHECK(found->unlike > 0);
    CHECK(found->rounding == 0);
    CHECK(found->broken());
    CHECK(found->example.find("by the declared rule") != std::string::npos);
  }
}

TEST_CASE("A declared rule is applied with the recorded bias, and rounded scores do not break it",
          "[known-rule]") {
  const auto scores = random_scores(tokens * experts, 13);
  std::vector<float> bias(experts);
  for (std::size_t e = 0; e < experts; ++e) bias[e] = 0.05F * static_cast<float>(e);
  const auto mask = best_of(scores, experts, 4, bias);
  auto rounded = scores;
  std::ranges::transform(rounded, rounded.begin(), to_bfloat16);
  const auto found =
      declared(base_run(batch_of(4, 64, experts, rounded, mask, bias), R"("biased-top-k,k=4")"));
  REQUIRE(found);
  CHECK(found->recorded_bias);
  CHECK(found->explained() < 1.0);
  CHECK(found->explained() > 0.9);
  CHECK_FALSE(found->broken());
  const auto wrong = declared(base_run(
      batch_of(4, 64, experts, rounded, mask, std::vector<float>(experts, 0.0F)), R"("biased-top-k,k=4")"));
  REQUIRE(wrong);
  CHECK(wrong->broken());
}

TEST_CASE("Nothing is said where nothing is declared or chance decides", "[known-rule]") {
  const auto scores = random_scores(tokens * experts, 14);
  const auto trace = batch_of(4, 64, experts, scores, best_of(scores, experts, 1));
  for (const char* rule :
       {"", "not JSON", R"("no-such-rule")", R"("random-token,capacity=4")", R"("noisy-top-k,k=1")"}) {
    CAPTURE(rule);
    CHECK_FALSE(declared(base_run(trace, rule)));
  }
}
