#include <algorithm>

#include "catch.h"
#include "identify_cases.h"
#include "unit/routing/batches.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

constexpr std::size_t state_experts = 8, state_tokens = 256;

/// Offsets that no single constant replaces.
std::vector<float> offsets(float first) {
  std::vector<float> bias(state_experts, 0.0F);
  bias[2] = first;
  bias[5] = 0.3F;
  bias[0] = -0.2F;
  return bias;
}

Trace routed(const std::vector<float>& scores, const std::vector<float>& bias, bool recorded) {
  return batch_of(4, state_tokens / 4, state_experts, scores, best_of(scores, state_experts, 2, bias),
                  recorded ? bias : std::vector<float>{});
}

bool moved(const routing::Identification& found) {
  const auto* state = found.rule.parameters.find("state");
  return found.rule.id == "biased-top-k" && state != nullptr;
}

}  // namespace

TEST_CASE("A bias that moves between runs of one batch is a state, and accuses nobody", "[identify]") {
  const auto scores = random_scores(state_tokens * state_experts, 90);
  for (const bool recorded : {true, false}) {
    CAPTURE(recorded);
    const auto found =
        identify_traces({routed(scores, offsets(0.3F), recorded), routed(scores, offsets(-0.3F), recorded)});
    CHECK(moved(found));
    CHECK(found.rule.causal != false);
    CHECK_FALSE(lists(found, "sinkhorn"));
  }
}

TEST_CASE("Each run's recorded bias is used where another batch has another one", "[identify]") {
  const auto one = random_scores(state_tokens * state_experts, 91),
             other = random_scores(state_tokens * state_experts, 92);
  const auto found = identify_traces({routed(one, offsets(0.3F), true), routed(other, offsets(-0.3F), true)});
  CHECK(moved(found));
  CHECK(found.rule.parameters.number("moved").value_or(0.0) == Approx(0.6).margin(1e-6));
  CHECK_FALSE(lists(found, "sinkhorn"));
  CHECK(found.rule.causal != false);
}

TEST_CASE("An offset that stands still in repeats and changes with part of the batch is the batch's",
          "[identify]") {
  auto scores = random_scores(state_tokens * state_experts, 93);
  const auto base = routed(scores, offsets(0.3F), false);
  const auto redrawn = random_scores(state_tokens * state_experts, 94);
  std::copy_n(redrawn.begin(), 40 * state_experts, scores.begin());
  const auto changed = routed(scores, offsets(-0.3F), false);
  const auto found = identify_traces({base, base, changed});
  CHECK(found.rule.causal == false);
  CHECK(lists(found, "biased-top-k(same-batch)"));
  CHECK_FALSE(lists(found, "biased-top-k"));
}
