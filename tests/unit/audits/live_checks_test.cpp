// What checks ask of a live subject beyond its plan.

#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "audits/checks.h"
#include "comparison/resampled_futures.h"
#include "evidence/observations.h"
#include "lab_model.h"
#include "losses/paired_loss.h"
#include "losses/source_paths.h"
#include "pastonly/policy.h"
#include "stats/entropy.h"
#include "toy/observe.h"

using namespace pastonly;
using toy::find_measurement;

namespace {

subjects::LiveOptions generous() {
  subjects::LiveOptions options = small_live();
  options.budget = 1 << 16;
  return options;
}

Ran ran_on(const Check& check, Subject& subject) {
  evidence::Observations observations(subject);
  Policy policy;
  policy.source = Source{"uniform", 16};
  const Outcome outcome = check.run({observations, policy, 0});
  if (const auto* error = std::get_if<Error>(&outcome)) FAIL(error->message);
  if (const auto* skipped = std::get_if<Skipped>(&outcome)) FAIL("skipped: " << skipped->reason);
  return std::get<Ran>(outcome);
}

double worst_flip_rate(const Ran& ran, std::string_view name) {
  double worst = -1.0;
  for (const Measurement& one : ran.measurements) {
    if (one.name == name) worst = std::max(worst, one.value);
  }
  return worst;
}

}  // namespace

TEST_CASE("hundreds of futures are counted as brute force counts them", "[live-checks]") {
  const auto model = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto subject = live(model, generous());
  evidence::Observations observations(*subject);
  const Layout layout = observations.base()->layout;
  const comparison::DeepPrefixes deep = comparison::deep_prefixes(observations, layout, 200);
  REQUIRE(deep.prefixes.size() == 3);  // 2^16 / (200 x 96)
  for (const comparison::Prefix& prefix : deep.prefixes) {
    comparison::Tolerances none;
    none.layers.resize(2);
    const auto routed = comparison::route_prefix(observations, prefix, none, 2);
    REQUIRE(routed);
    std::vector<std::map<std::string, std::uint64_t>> seen(3);
    std::uint64_t pairs = 0, differing = 0;
    std::string last;
    for (const Intervention* future : prefix.futures) {
      const Trace trace = observed(*subject, *future);
      std::string all;
      for (std::size_t l = 0; l < 2; ++l) {
        const Mask mask = read_mask(trace.layers[l]);
        std::string bits;
        for (std::size_t s = 0; s < prefix.cut; ++s) {
          for (std::size_t e = 0; e < 8; ++e) bits += mask(layout.token(prefix.row, s), e) != 0 ? '1' : '0';
        }
        ++seen[l][bits];
        all += bits;
      }
      ++seen[2][all];
      if (++pairs % 2 == 0) differing += all != last ? 1 : 0;
      last = all;
    }
    CHECK(routed->pairs == 100);
    CHECK(routed->differing[2] == differing);
    for (std::size_t l = 0; l < 3; ++l) {
      std::vector<std::uint64_t> expected;
      for (const auto& [bits, count] : seen[l]) expected.push_back(count);
      // Classes hold equal routings: the same partition of the futures, in another order.
      CHECK(stats::plug_in_entropy(routed->classes[l]) == Approx(stats::plug_in_entropy(expected)));
    }
  }
}

TEST_CASE("many futures bound the leak of live expert choice and none of top-k", "[live-checks]") {
  const auto leaky = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto clean = small_model(small_config("top-k,k=2"));
  const auto found = ran_on(audits::future_information_check, *live(leaky, generous()));
  const auto none = ran_on(audits::future_information_check, *live(clean, generous()));
  CHECK(find_measurement(found, "futures_per_prefix")->value == 200.0);
  CHECK(*find_measurement(found, "future_information")->lower > 0.1);
  CHECK(*found.claims.at(0).p_value < 0.01);
  CHECK(find_measurement(none, "future_information")->value == 0.0);
  CHECK(*find_measurement(none, "future_information")->lower == 0.0);
  CHECK(*none.claims.at(0).p_value == 1.0);
}

TEST_CASE("fresh batches multiply", "[live-checks]") {
  const auto model = small_model(small_config("top-k,k=2"));
  const auto subject = live(model, generous());
  evidence::Observations observations(*subject);
  const auto paths = losses::source_paths(observations, Source{"uniform", 16});
  REQUIRE(paths);
  REQUIRE(paths->log2_e.size() == 65);  // the base and 64 more
  double total = 0.0, loss = 0.0, count = 0.0;
  for (std::size_t b = 0; b < 65; ++b) {
    Intervention base = subject->interventions().front();
    if (b > 0) base = evidence::Observations::fresh_run(b - 1);
    const Trace trace = observed(*subject, base);
    double average = 0.0;
    for (std::size_t row = 0; row < 4; ++row) {
      double log2 = 0.0;
      for (std::size_t s = 1; s < 24; ++s) {
        const double bits = trace.log_probs[trace.layout.token(row, s)] / std::numbers::ln2;
        log2 += bits + 4.0;
        loss -= bits;
        count += 1.0;
      }
      average += std::exp2(log2) / 4.0;
    }
    total += std::log2(average);
  }
  CHECK(paths->log2_value() == Approx(total));
  CHECK(paths->loss_bits == Approx(loss / count));
  CHECK(paths->leak_bits == Approx(4.0 - loss / count));
}

TEST_CASE("live subjects are truly rerouted and streamed", "[live-checks]") {
  const auto leaky = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto clean = small_model(small_config("top-k,k=2"));
  const auto swept = ran_on(audits::chunk_sweep_check, *live(leaky, generous()));
  const auto change = find_measurement(swept, "rechunked_loss_change[16]");
  REQUIRE(change);
  CHECK(change->lower.has_value());
  // Against the model's own passes under that rule.
  const auto subject = live(leaky, generous());
  losses::PairedLoss pairs;
  for (std::size_t i = 0; i < 42; ++i) {  // 2^16 / 16 / 96
    Intervention other = evidence::Observations::fresh_run(i);
    other.kind = Intervention::Kind::reroute;
    other.rule = "expert-choice,k=2,chunk=16";
    other.base = other.id;
    const Trace run = observed(*subject, other);
    pairs.add(observed(*subject, evidence::Observations::fresh_run(i)), std::span(&run, 1));
  }
  CHECK(change->value == Approx(pairs.difference("", 0.05, 0).value).epsilon(1e-6));

  const auto streamed = ran_on(audits::forced_causality_check, *live(leaky, generous()));
  const auto kept = ran_on(audits::forced_causality_check, *live(clean, generous()));
  CHECK(worst_flip_rate(streamed, "stream_flip_rate_decisions") > 0.0);
  CHECK(worst_flip_rate(kept, "stream_flip_rate_decisions") == 0.0);
  CHECK(find_measurement(kept, "streaming_gap")->value == Approx(0.0).margin(1e-5));
}

TEST_CASE("a rule written out is read back", "[live-checks]") {
  for (const auto* text : {"top-k,k=2", "biased-top-k,k=2,bias=[0.5;-0.25;0;1]", "expert-choice,k=2,chunk=8",
                           "group-limited-top-k,k=2,groups=4,topk_groups=2"}) {
    CAPTURE(text);
    const auto spec = parse_rule(text);
    REQUIRE(spec);
    const auto rule = make_rule(spec->id, spec->parameters);
    REQUIRE(rule);
    const auto again = parse_rule(format_rule({spec->id, (*rule)->parameters()}));
    REQUIRE(again);
    const auto same = make_rule(again->id, again->parameters);
    REQUIRE(same);
    CHECK((*same)->parameters() == (*rule)->parameters());
  }
}
