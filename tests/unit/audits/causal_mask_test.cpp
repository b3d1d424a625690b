#include <filesystem>

#include "audits/checks.h"
#include "catch.h"
#include "shared.h"
#include "subjects/recorded.h"
#include "toy/observe.h"

using namespace pastonly;
using namespace pastonly::toy;

namespace {

/// A subject that answers what is planned and nothing else.
class RecordedSubject final : public Subject {
 public:
  explicit RecordedSubject(Subject& of) : of_(of) {}
  const SubjectInfo& info() const noexcept override { return of_.info(); }
  Capabilities capabilities() const noexcept override {
    Capabilities can = of_.capabilities();
    can.live = can.reroute = false;
    return can;
  }
  const std::vector<Intervention>& interventions() const noexcept override { return of_.interventions(); }
  const std::vector<Intervention>& missing() const noexcept override { return of_.missing(); }
  Expected<Trace> observe(const Intervention& run) override {
    const auto& planned = of_.interventions();
    if (std::ranges::find(planned, run) == planned.end()) return not_recorded("nobody planned it");
    return of_.observe(run);
  }

 private:
  Subject& of_;
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string recipe(const std::string& model, const std::string& plan = "", const std::string& record = "") {
  return R"({"model": {"log_probs": {}, )" + model + R"(}, "plan": {"sequences": 4, "positions": 64)" + plan +
         "}, \"record\": {" + record + "}}";
}

Ran causal_mask(const std::string& text) {
  const auto subject = subject_of(text);
  return run_check(audits::causal_mask_check, *subject);
}

const LayerFacts::Origin& origin(const Ran& ran, std::size_t layer) {
  REQUIRE(layer < ran.layers.size());
  REQUIRE(ran.layers[layer].origin);
  return *ran.layers[layer].origin;
}

std::int64_t whole(const Claim& claim, std::string_view key) {
  const auto value = claim.witness.integer(key);
  REQUIRE(value.has_value());
  return *value;
}

}  // namespace

TEST_CASE("causal-mask passes causal rules and states its limit", "[causal-mask]") {
  for (const char* rule :
       {"top-k,k=2", "switch-capacity,capacity=20", "expert-choice(streaming),k=2,chunk=16"}) {
    CAPTURE(rule);
    const Ran ran = causal_mask(recipe("\"rounding\": 2e-7, \"rule\": \"" + std::string(rule) + "\""));
    CHECK_FALSE(find_claim(ran, "flip"));
    CHECK_FALSE(find_claim(ran, "change"));
    CHECK_FALSE(find_claim(ran, "future-or-batch"));
    REQUIRE(ran.detection_limit);
    CHECK(ran.detection_limit->trials == 32);  // 16 of single rows, and four runs of all four rows
    CHECK(ran.detection_limit->trial_rate == Approx(1.0 - std::pow(0.05, 1.0 / 32.0)));
    CHECK(ran.detection_limit->sequences == 4);
    CHECK(ran.detection_limit->unseen_after_first.empty());
    CHECK(ran.detection_limit->unseen_chunks.empty());
    CHECK(origin(ran, 0).kind == "none");
    CHECK_FALSE(origin(ran, 2).contaminated);
  }
}

TEST_CASE("causal-mask proves expert choice with one changed token and one decision", "[causal-mask]") {
  const auto subject = subject_of(recipe(R"("rule": "expert-choice,k=2,chunk=16")"));
  const Ran ran = run_check(audits::causal_mask_check, *subject);
  const Claim* flip = find_claim(ran, "flip");
  REQUIRE(flip);
  CHECK(flip->basis == Claim::Basis::proof);
  CHECK(flip->layers.size() == 3);
  CHECK(origin(ran, 0).kind == "selection");
  CHECK_FALSE(origin(ran, 0).contaminated);
  CHECK(origin(ran, 1).kind == "selection");
  CHECK(origin(ran, 1).contaminated);
  CHECK(whole(*flip, "tokens_changed") == 1);
  // The witness by hand: the two suffixes differ in one token, after the decision, in the decision's row.
  Intervention with = subject->interventions()[0], without = with;
  with.kind = without.kind = Intervention::Kind::suffix;
  with.base = without.base = 0;
  with.rows = without.rows = {static_cast<std::size_t>(whole(*flip, "row"))};
  with.cut = static_cast<std::size_t>(whole(*flip, "cut"));
  without.cut = static_cast<std::size_t>(whole(*flip, "base_cut"));
  bool shown = false;
  for (std::uint32_t resample = 0; resample < 8; ++resample) {  // four cuts, two draws each
    with.resample = without.resample = resample;
    const auto after = subject->observe(with), before = subject->observe(without);
    REQUIRE(after);
    REQUIRE(before);
    std::size_t differing = 0;
    for (std::size_t t = 0; t < after->tokens.size(); ++t) differing += after->tokens[t] != before->tokens[t];
    const auto layer = static_cast<std::size_t>(whole(*flip, "layer"));
    const std::size_t token =
        after->layout.token(with.rows[0], static_cast<std::size_t>(whole(*flip, "position")));
    const auto expert = static_cast<std::size_t>(whole(*flip, "expert"));
    const Mask was = read_mask(before->layers[layer]), is = read_mask(after->layers[layer]);
    shown = shown || (differing == 1 && was(token, expert) == whole(*flip, "before") &&
                      is(token, expert) == whole(*flip, "after"));
  }
  CHECK(shown);
  CHECK(whole(*flip, "position") < whole(*flip, "cut"));
}

TEST_CASE("the influence map of causal-mask shows the reach of a leak", "[causal-mask][influence]") {
  constexpr const char* every_cut =
      R"(, "rows": [[0], [1], [2], [3]], "cuts": [1, 5, 9, 17, 30, 31, 33, 40], "resamples": 3, "positions": 40)";
  const auto map_of = [&](const std::string& model) {
    const Ran ran =
        causal_mask(R"({"model": {)" + model + R"(}, "plan": {"sequences": 4)" + every_cut + "}}");
    REQUIRE(ran.charts.size() == 1);
    const Chart& chart = ran.charts.front();
    CHECK(chart.id == "influence");
    CHECK(chart.forbidden);
    REQUIRE(chart.values.size() == chart.rows.size() * chart.columns.size());
    return chart;
  };
  const auto each = [](const Chart& chart, const auto& visit) {
    for (std::size_t t = 0; t < chart.rows.size(); ++t) {
      for (std::size_t c = 0; c < chart.columns.size(); ++c)
        visit(t, c, chart.values[t * chart.columns.size() + c]);
    }
  };
  SECTION("a causal rule with rounding: nothing, and nothing asked of the past") {
    const Chart chart = map_of(R"("rounding": 2e-7, "rule": "top-k,k=2")");
    CHECK(contains(chart.about, "Nothing is red"));
    std::size_t asked = 0;
    each(chart, [&](std::size_t t, std::size_t c, double value) {
      CHECK((c > t || std::isnan(value)));
      if (std::isnan(value)) return;
      ++asked;
      CHECK(value == 0.0);
    });
    CHECK(asked == 1 + 5 + 9 + 17 + 30 + 31 + 33);  // a cut at 40 redraws nothing
  }
  SECTION("the very next token: one diagonal") {
    const Chart chart =
        map_of(R"("rule": "top-k,k=2", "weak_leak": {"layer": 1, "probability": 0.9, "kind": "next-token"})");
    CHECK(contains(chart.about, "very next token"));
    std::size_t changed = 0;
    each(chart, [&](std::size_t t, std::size_t c, double value) {
      if (!(value > 0.0)) return;
      ++changed;
      CHECK(c == t + 1);
    });
    CHECK(changed >= 5);
  }
  SECTION("expert choice over the row: from the first position on") {
    const Chart chart = map_of(R"("rule": "expert-choice,k=2,chunk=40")");
    CHECK(contains(chart.about, "The farthest"));
    std::size_t farthest = 0;
    each(chart, [&](std::size_t t, std::size_t c, double value) {
      if (value > 0.0) farthest = std::max(farthest, c - t);
    });
    CHECK(farthest > 20);
  }
  SECTION("where chance decides, nothing is drawn") {
    CHECK(causal_mask(recipe(R"("rule": "noisy-top-k,k=2")")).charts.empty());
  }
}

TEST_CASE("causal-mask tells a fault below the router from selection", "[causal-mask]") {
  const Ran ran = causal_mask(recipe(R"("rule": "top-k,k=2", "scoring_fault": {"layer": 1, "over": "row"})"));
  REQUIRE(find_claim(ran, "flip"));
  const std::string& help = find_claim(ran, "flip")->help;  // no rule is advised to a top-k model
  CHECK(contains(help, "the router of layer 1 looks ahead"));
  CHECK(contains(help, "top-k makes every decision"));
  CHECK_FALSE(contains(help, "what to use instead"));
  CHECK(origin(ran, 0).kind == "none");
  CHECK(origin(ran, 1).kind == "scoring");
  CHECK_FALSE(origin(ran, 1).contaminated);
  CHECK(origin(ran, 2).kind == "none");
  CHECK(origin(ran, 2).contaminated);
}

TEST_CASE("causal-mask tells a gate that reads the future from selection", "[causal-mask]") {
  const Ran ran = causal_mask(recipe(R"("rule": "top-k,k=2", "gates": "over-row")"));
  CHECK(find_claim(ran, "flip"));  // of the layers that the gates feed
  CHECK(origin(ran, 0).kind == "gate");
  CHECK_FALSE(origin(ran, 0).contaminated);
}

TEST_CASE("one extreme value hides no leak", "[causal-mask]") {
  const std::string leaks[] = {R"("rule": "top-k,k=2", "scoring_fault": {"layer": 0, "over": "row"})",
                               R"("rule": "expert-choice,k=2,chunk=16")",
                               R"("rule": "top-k,k=2", "gates": "over-row")"};
  for (const std::string& leak : leaks) {
    for (const char* record :
         {R"("damage": ["closed-expert"])", R"("damage": ["closed-expert"], "logits": true, "scores": false)",
          R"("damage": ["extreme-log-prob"])"}) {
      CAPTURE(leak, record);
      const Ran ran = causal_mask(recipe(leak, "", record));
      CHECK(find_claim(ran, "flip"));
      CHECK(origin(ran, 0).kind != "none");
    }
  }
  CHECK_FALSE(find_claim(causal_mask(recipe(R"("rule": "top-k,k=2", "rounding": 2e-7)", "",
                                            R"("damage": ["closed-expert", "extreme-log-prob"])")),
                         "flip"));
}

TEST_CASE("what noise makes is told from a leak", "[causal-mask][noise]") {
  const char* noises[] = {R"("exploration": 1e-3)", R"("jitter": 1e-3)", R"("moving_bias": 0.1)",
                          R"("bf16": true)", R"("dropout": 0.1)"};
  for (const std::string noise : noises) {
    CAPTURE(noise);
    const std::string shape = R"(, "cut_count": 8)";
    const std::string causal = R"("rule": "top-k,k=2", "noise": {)" + noise + "}";
    const std::string leaky = R"("rule": "expert-choice,k=2,chunk=16", "noise": {)" + noise + "}";
    const Ran quiet = causal_mask(recipe(causal, shape));
    const Claim* flip = find_claim(quiet, "flip");
    CHECK((!flip || (flip->p_value && *flip->p_value > 0.01)));
    CHECK_FALSE(find_claim(quiet, "unsettled"));
    const Ran loud = causal_mask(recipe(leaky, shape));
    flip = find_claim(loud, "flip");
    REQUIRE(flip);
    CHECK(flip->p_value.value_or(0.0) < 0.01);
    CHECK(flip->layers.front() == LayerIndex{0});
  }
}

TEST_CASE("a fault in a late layer leaves earlier ones clean", "[causal-mask]") {
  const Ran ran = causal_mask(
      recipe(R"("rules": ["top-k,k=2", "top-k,k=2", "expert-choice,k=2,chunk=32"], "rounding": 2e-7)"));
  const Claim* flip = find_claim(ran, "flip");
  REQUIRE(flip);
  CHECK(flip->layers == std::vector<LayerIndex>{LayerIndex{2}});
  CHECK(origin(ran, 1).kind == "none");
  CHECK(origin(ran, 2).kind == "selection");
}

TEST_CASE("capacity taken in order depends on the batch and not on the future",
          "[causal-mask][batch-isolation]") {
  const auto subject = subject_of(recipe(
      R"("rule": "token-major-capacity,k=2,capacity_factor=1.0", "rounding": 2e-7)", R"(, "batch": [[3]])"));
  const Ran future = run_check(audits::causal_mask_check, *subject);
  CHECK_FALSE(find_claim(future, "flip"));
  CHECK_FALSE(find_claim(future, "future-or-batch"));
  const Measurement* together = find_measurement(future, "several_rows_flip_rate_decisions", 0);
  REQUIRE(together);
  CHECK(together->value > 0.0);  // all rows at once do show flips
  CHECK(find_claim(run_check(audits::batch_isolation_check, *subject), "flip"));
  CHECK(find_claim(run_check(audits::order_invariance_check, *subject), "flip"));
}

TEST_CASE("recorded runs of all rows alone cannot tell future from batch", "[causal-mask]") {
  for (const char* rows :
       {R"(, "rows": ["all"])", R"(, "rows": [], "cuts": [], "cut_count": 0, "grouped": 4)"}) {
    CAPTURE(rows);
    const auto subject =
        subject_of(recipe(R"("rule": "token-major-capacity,k=2,capacity_factor=1.0")", rows));
    RecordedSubject recorded(*subject);
    const Ran ran = run_check(audits::causal_mask_check, recorded);
    CHECK_FALSE(find_claim(ran, "flip"));
    CHECK(find_claim(ran, "future-or-batch"));
    CHECK(ran.detection_limit->trials == 0);
    CHECK(ran.detection_limit->trial_rate == 1.0);
    REQUIRE_FALSE(ran.detection_limit->left_out.empty());
    CHECK(contains(ran.detection_limit->left_out.front().reason, "redrawn alone"));
  }
}

TEST_CASE("a live subject is asked for the rows that moved, alone", "[causal-mask]") {
  const std::string grouped = R"(, "rows": [], "cuts": [], "cut_count": 0, "grouped": 4)";
  SECTION("another sequence moved them") {
    const Ran ran = causal_mask(recipe(R"("rule": "token-major-capacity,k=2,capacity_factor=1.0")", grouped));
    CHECK(ran.claims.empty());
    CHECK(ran.detection_limit->trials == 16);
    CHECK(ran.detection_limit->left_out.empty());
  }
  SECTION("their own later tokens moved them") {
    const auto subject = subject_of(recipe(R"("rule": "expert-choice,k=2,chunk=16")", grouped));
    CHECK(find_claim(run_check(audits::causal_mask_check, *subject), "flip"));
    // Recorded, nobody can tell from the batch, and nothing is a trial.
    RecordedSubject recorded(*subject);
    const Ran ran = run_check(audits::causal_mask_check, recorded);
    CHECK(find_claim(ran, "future-or-batch"));
    CHECK(ran.detection_limit->trials == 0);
  }
  SECTION("nothing moved") {
    const Ran ran = causal_mask(recipe(R"("rule": "top-k,k=2")", grouped));
    CHECK(ran.claims.empty());
    CHECK(ran.detection_limit->trials == 16);
  }
}

TEST_CASE("a weak leak in one row of many is found alone", "[causal-mask]") {
  const Ran ran = causal_mask(
      recipe(R"("rule": "top-k,k=2", "weak_leak": {"layer": 1, "probability": 0.004, "kind": "swap"})",
             R"(, "rows": [], "cuts": [], "cut_count": 0, "grouped": 24)"));
  const Claim* flip = find_claim(ran, "flip");
  REQUIRE(flip);
  CHECK(flip->basis == Claim::Basis::proof);
  CHECK(ran.detection_limit->trials >= 90);  // rows that did not move count without being asked for
  CHECK(find_measurement(ran, "trial_rate")->value < 0.5);
}

TEST_CASE("in a batch of one all rows are one row", "[causal-mask]") {
  const auto subject = subject_of(
      R"({"model": {"rule": "expert-choice,k=2,chunk=16"}, "plan": {"sequences": 1, "positions": 64, "rows": ["all"]}})");
  const Ran ran = run_check(audits::causal_mask_check, *subject);
  CHECK(find_claim(ran, "flip"));
  CHECK(ran.detection_limit->trials == 4);
}

TEST_CASE("cuts on chunk borders show nothing and say so", "[causal-mask]") {
  const Ran ran = causal_mask(
      recipe(R"("rule": "expert-choice,k=2,chunk=16")", R"(, "cuts": [16, 32, 48], "rows": [[0], [1]])"));
  CHECK_FALSE(find_claim(ran, "flip"));
  CHECK(ran.detection_limit->unseen_chunks == std::vector<std::uint64_t>{2, 4, 8, 16});
}

TEST_CASE("equal draws are one trial", "[causal-mask]") {
  const Ran ran = causal_mask(
      recipe(R"("rule": "top-k,k=2")", R"(, "cuts": [19, 37], "rows": [[0], [0]], "resamples": 2)"));
  CHECK(ran.detection_limit->trials == 4);
}

TEST_CASE("routing drawn by chance proves nothing", "[causal-mask]") {
  const Ran ran = causal_mask(recipe(R"("rule": "noisy-top-k,k=2")"));
  CHECK_FALSE(find_claim(ran, "flip"));
  CHECK(find_claim(ran, "stochastic"));
  CHECK(ran.detection_limit->trial_rate == 1.0);
  CHECK(origin(ran, 0).kind == "unknown");
}

TEST_CASE("chance above a leak hides nothing below it", "[causal-mask]") {
  const Ran ran =
      causal_mask(recipe(R"("rules": ["expert-choice,k=2,chunk=16", "top-k,k=2", "noisy-top-k,k=2"])"));
  const Claim* flip = find_claim(ran, "flip");
  REQUIRE(flip);
  CHECK(flip->layers.front() == LayerIndex{0});
  CHECK(flip->layers.size() >= 2);  // the noisy layer takes over what reached it
  CHECK(find_claim(ran, "stochastic"));
}

TEST_CASE("without a repeat a live model is asked again", "[causal-mask]") {
  const Ran ran = causal_mask(recipe(R"("rule": "expert-choice,k=2,chunk=16")", R"(, "repeats": 0)"));
  const Claim* flip = find_claim(ran, "flip");
  REQUIRE(flip);
  CHECK(flip->basis == Claim::Basis::proof);
  CHECK(flip->message.find("10 of 10 changed runs and in 0 of 10 others") != std::string::npos);
}

TEST_CASE("causal-mask works without scores, in BF16 and on padded batches", "[causal-mask]") {
  for (const char* record : {R"("scores": false)", R"("dtype": "bf16")", R"("layout": "sequence-major")"}) {
    CAPTURE(record);
    CHECK(find_claim(
        causal_mask(recipe(R"("rule": "expert-choice,k=2,chunk=16,scope=sequence")", "", record)), "flip"));
    CHECK_FALSE(
        find_claim(causal_mask(recipe(R"("rule": "top-k,k=2", "rounding": 2e-7)", "", record)), "flip"));
  }
  CHECK(find_claim(causal_mask(recipe(R"("rule": "expert-choice,k=2,chunk=16")", R"(, "padding": 8)")),
                   "flip"));
  CHECK_FALSE(find_claim(causal_mask(recipe(R"("rule": "top-k,k=2")", R"(, "padding": 8)")), "flip"));
}

TEST_CASE("ties broken by the place in the batch are found", "[order-invariance]") {
  const auto ties = subject_of(recipe(R"("rule": "expert-choice,k=2", "score": "sigmoid", "quantise": 0.5)"));
  CHECK(find_claim(run_check(audits::order_invariance_check, *ties), "flip"));
  const auto smooth = subject_of(recipe(R"("rule": "expert-choice,k=2")"));
  CHECK_FALSE(find_claim(run_check(audits::order_invariance_check, *smooth), "flip"));
}

namespace {

struct Figures {
  const char* trace;
  std::array<double, 3> future;  ///< per cent, mean over runs
  bool batch, order, length;
};

}  // namespace

TEST_CASE("recorded traces give the figures of their README", "[causal-mask][batch-isolation][shared]") {
  const auto traces = shared_data("traces");
  if (!traces) return;
  for (const Figures& expected : {Figures{"ec-chunk64", {4.0, 3.1, 5.1}, false, false, true},
                                  Figures{"ec-uniform-chunk16", {1.1, 1.3, 2.2}, false, false, false},
                                  Figures{"gshard-top2", {0.11, 0.09, 0.31}, true, true, true},
                                  Figures{"drop-position", {0, 0, 0}, true, true, true},
                                  Figures{"lossfree", {0, 0, 0}, false, false, false},
                                  Figures{"topk-aux", {0, 0, 0}, false, false, false}}) {
    CAPTURE(expected.trace);
    const auto subject = subjects::open_recorded(*traces / expected.trace);
    REQUIRE(subject);
    const Ran ran = run_check(audits::causal_mask_check, **subject);
    const bool leaks = expected.future[0] > 0;
    CHECK((find_claim(ran, "flip") != nullptr) == leaks);
    CHECK_FALSE(find_claim(ran, "future-or-batch"));
    for (std::uint32_t layer = 0; layer < 3; ++layer) {
      const Measurement* rate = find_measurement(ran, "run_flip_rate", layer);
      REQUIRE(rate);
      CHECK(100.0 * rate->value ==
            Approx(expected.future[layer]).margin(expected.trace[0] == 'e' ? 0.06 : 0.006));
    }
    CHECK(origin(ran, 0).kind == (leaks ? "selection" : "none"));
    CHECK((find_claim(run_check(audits::batch_isolation_check, **subject), "flip") != nullptr) ==
          expected.batch);
    CHECK((find_claim(run_check(audits::order_invariance_check, **subject), "flip") != nullptr) ==
          expected.order);
    CHECK((find_claim(run_check(audits::length_invariance_check, **subject), "flip") != nullptr) ==
          expected.length);
    REQUIRE(ran.detection_limit);
    // Runs of all eight rows at once count where nothing moved before their cuts.
    CHECK(ran.detection_limit->trials == (expected.batch || leaks ? 16 : 48));
    CHECK(ran.detection_limit->unseen_chunks.empty());
  }
}

TEST_CASE("recorded shuffles give the losses of their README", "[token-shuffle][shared]") {
  const auto traces = shared_data("traces");
  if (!traces) return;
  struct Expected {
    const char* trace;
    double in_order, shuffled, margin;
  };
  for (const auto& expected :
       {Expected{"ec-chunk64", 3.334, 3.42, 0.01}, Expected{"ec-uniform-chunk16", 5.955, 6.06, 0.015}}) {
    const auto subject = subjects::open_recorded(*traces / expected.trace);
    REQUIRE(subject);
    const Ran ran = run_check(audits::token_shuffle_check, **subject);
    REQUIRE(find_measurement(ran, "reliance"));
    CHECK(find_measurement(ran, "loss_in_order")->value == Approx(expected.in_order).margin(0.0006));
    CHECK(find_measurement(ran, "loss_shuffled")->value == Approx(expected.shuffled).margin(expected.margin));
    CHECK(*find_measurement(ran, "reliance")->lower > 0.0);
  }
}
