#include "subjects/live_model.h"

#include <tbb/task_arena.h>

#include <cmath>
#include <numeric>
#include <set>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "lab_model.h"
#include "losses/paired_loss.h"
#include "model/runnable.h"
#include "pastonly/policy.h"
#include "stats/parallel.h"
#include "subjects/cuts.h"

using namespace pastonly;

namespace {

using Kind = Intervention::Kind;

Intervention change(Kind kind, std::uint32_t id = 1000) {
  Intervention run;
  run.id = id;
  run.kind = kind;
  if (kind != Kind::base) run.base = 0;
  return run;
}

Intervention suffix(std::size_t row, std::size_t cut, std::uint32_t resample = 0) {
  Intervention run = change(Kind::suffix);
  run.rows = {row};
  run.cut = cut;
  run.resample = resample;
  return run;
}

std::size_t differing(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  REQUIRE(a.size() == b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1 : 0;
  return count;
}

void require_equal(const Trace& a, const Trace& b) {
  REQUIRE(a.layers.size() == b.layers.size());
  CHECK(a.tokens == b.tokens);
  for (std::size_t i = 0; i < a.log_probs.size(); ++i)
    CHECK((a.log_probs[i] == b.log_probs[i] || (std::isnan(a.log_probs[i]) && std::isnan(b.log_probs[i]))));
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    CHECK(read_mask(a.layers[l]) == read_mask(b.layers[l]));
    std::vector<float> first, second;
    const auto x = read_floats(*a.layers[l].scores, 0, a.layout.tokens(), first);
    const auto y = read_floats(*b.layers[l].scores, 0, b.layout.tokens(), second);
    CHECK(std::equal(x.data(), x.data() + x.size(), y.data()));
  }
}

Ran run_check(const Check& check, Subject& subject, const Policy& policy = {}) {
  evidence::Observations observations(subject);
  const Outcome outcome = check.run({observations, policy, 0});
  if (const auto* error = std::get_if<Error>(&outcome)) FAIL(error->message);
  if (const auto* skipped = std::get_if<Skipped>(&outcome)) FAIL("skipped: " << skipped->reason);
  return std::get<Ran>(outcome);
}

bool claims(const Ran& ran, std::string_view id) {
  return std::any_of(ran.claims.begin(), ran.claims.end(),
                     [&](const Claim& claim) { return claim.id == id; });
}

}  // namespace

TEST_CASE("company changes what leaky rules decide, and nothing else", "[live]") {
  const auto leaky = small_model(small_config("expert-choice,k=2,chunk=8"));
  for (const std::string_view rule : {"", "top-k,k=2", "drop-by-score,k=2,capacity_factor=1"}) {
    INFO(rule);
    const auto subject = live(leaky, small_live());
    Intervention foreign_batch = change(Kind::foreign_batch);
    foreign_batch.rule = rule;
    Intervention in_order = change(rule.empty() ? Kind::repeat : Kind::reroute);
    in_order.rule = rule;
    const Trace apart = observed(*subject, foreign_batch), together = observed(*subject, in_order);
    CHECK(apart.tokens == together.tokens);
    // The first layer's scores depend on tokens alone.
    const Mask a = read_mask(apart.layers[0]), b = read_mask(together.layers[0]);
    CHECK((a == b) == (rule == "top-k,k=2"));
    foreign_batch.seed = 1;
    CHECK((read_mask(observed(*subject, foreign_batch).layers[0]) == a) == (rule == "top-k,k=2"));
  }
}

TEST_CASE("a live model's runs are the model's own passes", "[live]") {
  const auto model = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto subject = live(model, small_live());
  const Trace base = observed(*subject, subject->interventions().front());
  CHECK(base.mode == Mode::train);
  CHECK(base.layout == Layout{4, 24});
  const auto direct = model.observe({base.layout, base.tokens, {}}, {});
  REQUIRE(direct);
  require_equal(base, make_trace(*direct));
  require_equal(base, observed(*subject, change(Kind::repeat)));
}

TEST_CASE("a live model's suffixes are nested and leave the rest as it was", "[live]") {
  const auto model = small_model(small_config("top-k,k=2"));
  const auto subject = live(model, small_live());
  const Trace base = observed(*subject, change(Kind::base, 0));
  const Trace cut = observed(*subject, suffix(2, 11));
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t s = 0; s < 24; ++s) {
      const std::size_t t = base.layout.token(row, s);
      if (row != 2 || s < 11) CHECK(cut.tokens[t] == base.tokens[t]);
    }
  }
  CHECK(differing(base.tokens, cut.tokens) > 4);
  for (std::size_t c = 1; c < 24; ++c)
    CHECK(differing(observed(*subject, suffix(2, c)).tokens, observed(*subject, suffix(2, c + 1)).tokens) <=
          1);
  CHECK(differing(cut.tokens, observed(*subject, suffix(2, 11, 1)).tokens) > 4);
  CHECK(observed(*subject, suffix(2, 11)).tokens == cut.tokens);
}

TEST_CASE("a live model draws every base anew", "[live]") {
  const auto model = small_model(small_config("top-k,k=2"));
  const auto subject = live(model, small_live());
  std::set<std::vector<std::int64_t>> batches;
  for (std::uint32_t id = 0; id < 50; ++id) batches.insert(observed(*subject, change(Kind::base, id)).tokens);
  CHECK(batches.size() == 50);
  const auto other = live(model, small_live(2));
  CHECK_FALSE(batches.contains(observed(*other, change(Kind::base, 0)).tokens));
}

TEST_CASE("a live model answers batch, order, length and reroute", "[live]") {
  const auto model = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto subject = live(model, small_live());
  const Trace base = observed(*subject, change(Kind::base, 0));
  const auto row = [](const Trace& trace, std::size_t r) {
    const auto first = trace.tokens.begin() + static_cast<std::ptrdiff_t>(trace.layout.token(r, 0));
    return std::vector<std::int64_t>(first, first + 24);
  };
  Intervention batch = change(Kind::batch), order = change(Kind::order), length = change(Kind::length),
               reroute = change(Kind::reroute);
  batch.keep = {1};
  order.permutation = {2, 0, 3, 1};
  length.append = 5;
  reroute.rule = "top-k,k=3";
  const Trace kept = observed(*subject, batch), moved = observed(*subject, order),
              longer = observed(*subject, length), other = observed(*subject, reroute);
  CHECK(row(kept, 1) == row(base, 1));
  CHECK(row(kept, 0) != row(base, 0));
  for (std::size_t r = 0; r < 4; ++r) {
    CHECK(row(moved, r) == row(base, order.permutation[r]));
    CHECK(row(longer, r) == row(base, r));
  }
  CHECK(longer.layout.positions == 29);
  CHECK(other.tokens == base.tokens);
  const Mask mask = read_mask(other.layers[0]);
  for (std::size_t t = 0; t < mask.tokens(); ++t)
    CHECK(std::accumulate(mask.view().row(t).begin(), mask.view().row(t).end(), 0) == 3);
  order.permutation = {0, 0, 1, 2};
  CHECK(subject->observe(order).error().kind == Error::Kind::usage);
  reroute.rule = "no-such-rule";
  CHECK(subject->observe(reroute).error().kind == Error::Kind::usage);
}

TEST_CASE("a live model's shuffle moves what competes and nothing else", "[live]") {
  Intervention shuffle = change(Kind::shuffle);
  shuffle.seed = 7;
  for (const auto* rule : {"top-k,k=2", "biased-top-k,k=2", "expert-choice,k=2,chunk=96"}) {
    CAPTURE(rule);  // token by token, or the whole batch as one chunk: order means nothing
    const auto model = small_model(small_config(rule));
    const auto subject = live(model, small_live());
    require_equal(observed(*subject, change(Kind::base, 0)), observed(*subject, shuffle));
  }
  const auto model = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto subject = live(model, small_live());
  const Trace base = observed(*subject, change(Kind::base, 0)), moved = observed(*subject, shuffle);
  CHECK_FALSE(read_mask(base.layers[0]) == read_mask(moved.layers[0]));
  shuffle.seed = 8;
  CHECK_FALSE(read_mask(observed(*subject, shuffle).layers[0]) == read_mask(moved.layers[0]));
}

TEST_CASE("streaming changes nothing under top-k", "[live]") {
  const auto model = small_model(small_config("top-k,k=2"));
  const auto subject = live(model, small_live());
  Intervention run = change(Kind::stream);
  run.rows = {0, 3};
  run.every = 2;
  const Trace base = observed(*subject, change(Kind::base, 0)), stream = observed(*subject, run);
  const Mask before = read_mask(base.layers[1]), after = read_mask(stream.layers[1]);
  std::size_t checked = 0;
  for (std::size_t t = 0; t < base.layout.tokens(); ++t) {
    const std::size_t row = t / 24, position = t % 24;
    const bool run_here = (row == 0 || row == 3) && position % 2 == 1;
    CHECK((stream.valid[t] != 0) == run_here);
    if (!run_here) continue;
    for (std::size_t e = 0; e < 8; ++e) CHECK(before(t, e) == after(t, e));
    if (position + 1 == 24) continue;
    CHECK(stream.log_probs[t + 1] == Approx(base.log_probs[t + 1]).margin(1e-5));
    ++checked;
  }
  CHECK(checked == 22);
}

TEST_CASE("streaming is the row alone up to the token", "[live]") {
  const auto model = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto subject = live(model, small_live());
  Intervention run = change(Kind::stream);
  run.rows = {2};
  const Trace base = observed(*subject, change(Kind::base, 0)), stream = observed(*subject, run);
  const auto first = base.tokens.begin() + static_cast<std::ptrdiff_t>(base.layout.token(2, 0));
  for (const std::size_t position : {0, 3, 7, 8, 21}) {
    CAPTURE(position);
    const std::vector<std::int64_t> past(first, first + position + 1);
    model::Workspace<float> workspace;
    const auto alone = model.observe({Layout{1, position + 1}, past, {}}, {}, workspace);
    REQUIRE(alone);
    const std::size_t t = base.layout.token(2, position);
    for (std::size_t e = 0; e < 8; ++e)
      CHECK(read_mask(stream.layers[1])(t, e) == alone->layers[1].mask(position, e));
    double sum = 0.0;
    const float* logits = workspace.logits.row(position);
    for (std::size_t v = 0; v < 16; ++v) sum += std::exp(static_cast<double>(logits[v]));
    const double expected = static_cast<double>(logits[base.tokens[t + 1]]) - std::log(sum);
    CHECK(stream.log_probs[t + 1] == Approx(expected).margin(1e-9));
  }
}

TEST_CASE("a live model's traces do not depend on threads", "[live]") {
  const auto model = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto subject = live(model, small_live()), again = live(model, small_live());
  const auto& runs = subject->interventions();
  std::vector<Trace> together(runs.size());
  stats::parallel_for(runs.size(), [&](std::size_t i) { together[i] = *subject->observe(runs[i]); });
  tbb::task_arena one(1);
  for (std::size_t i = 0; i < runs.size(); i += 5)
    require_equal(together[i], one.execute([&] { return observed(*again, runs[i]); }));
}

TEST_CASE("the standard plan of a live model sees every chunk width", "[live]") {
  const auto model = small_model(small_config("top-k,k=2"));
  for (const Layout layout : {Layout{4, 24}, Layout{1, 17}, Layout{16, 64}, Layout{3, 5},
                              Layout{4, 24, TokenOrder::sequence_major}}) {
    subjects::LiveOptions options = small_live();
    options.layout = layout;
    const auto subject = live(model, options);
    std::vector<subjects::CutPoint> cuts;
    std::set<Kind> kinds;
    for (const Intervention& run : subject->interventions()) {
      kinds.insert(run.kind);
      if (run.kind != Kind::suffix) continue;
      for (const std::size_t row : run.rows) cuts.push_back({row, *cut_of(run, row)});
    }
    CHECK_FALSE(cuts.empty());
    CHECK(subjects::unseen_chunks(cuts, layout, true).empty());
    CHECK(subjects::unseen_chunks(cuts, layout, true, 1).empty());
    CHECK(kinds.contains(Kind::batch) == (layout.sequences > 1));
    CHECK(kinds.contains(Kind::shuffle));
  }
}

TEST_CASE("a standard plan holds the trials for 1% at no more than its cost", "[live]") {
  for (const Layout layout : {Layout{8, 128}, Layout{16, 64}, Layout{4, 24}, Layout{2, 64}, Layout{1, 40},
                              Layout{32, 512}, Layout{8, 128, TokenOrder::sequence_major}}) {
    CAPTURE(layout.sequences, layout.positions);
    const auto options = subjects::standard_plan(layout, false);
    std::uint64_t draws = 0, cost = 0;
    std::set<std::pair<std::uint32_t, std::size_t>> numbers;  // resample, row
    for (const Intervention& run : subjects::make_plan(options, layout)) {
      if (run.kind != Kind::suffix) continue;
      cost += layout.tokens();
      for (const std::size_t row : run.rows) draws += numbers.emplace(run.resample, row).second ? 1 : 0;
    }
    const std::uint64_t streamed = (layout.positions + 1) / 2;
    CHECK(options.stream_tokens >= 64);
    CHECK(cost + options.stream_tokens * streamed <= subjects::standard_cost(layout));
    CHECK((draws >= 299) == (layout.sequences > 2));  // two rows would take more than it
    subjects::WantedTrials more{2995, true};
    const auto dear = subjects::make_plan(subjects::standard_plan(layout, false, more), layout);
    draws = 0;
    for (const Intervention& run : dear) draws += run.kind == Kind::suffix ? run.rows.size() : 0;
    CHECK(draws >= 2995);
  }
}

TEST_CASE("grouped runs cut at every position of a row", "[live]") {
  const Layout layout{8, 64};
  subjects::PlanOptions options;
  options.grouped = 8;
  options.more_bases = 2;
  std::set<std::size_t> cuts;
  std::set<std::uint32_t> bases, draws;
  for (const Intervention& run : subjects::make_plan(options, layout)) {
    if (run.cuts.empty()) continue;
    CHECK(run.rows.size() == 8);
    cuts.insert(run.cuts.begin(), run.cuts.end());
    bases.insert(*run.base);
    draws.insert(run.resample);
  }
  CHECK(cuts.size() == 63);
  CHECK(*cuts.begin() == 1);
  CHECK(*cuts.rbegin() == 63);
  CHECK(bases.size() == 3);
  CHECK(draws.size() == 8);
}

TEST_CASE("a live model's plan stays within its memory", "[live]") {
  const auto model = small_model(small_config("top-k,k=2"));
  subjects::LiveOptions options = small_live();
  options.layout = {64, 24};
  options.memory = 1 << 20;
  const auto subject = live(model, options);
  const Trace base = observed(*subject, change(Kind::base, 0));
  CHECK(base.layout.sequences < 64);
  const std::uint64_t bytes = base.layout.tokens() * (2 * 8 * 9 + 16);
  CHECK(bytes * subject->interventions().size() <= options.memory);
  options.memory = 1000;
  CHECK(subjects::make_live(model::make_runnable(model), uniform_tokens(), options).error().kind ==
        Error::Kind::usage);
  options = small_live();
  options.layout.positions = 1;
  CHECK_FALSE(subjects::make_live(model::make_runnable(model), uniform_tokens(), options));
  CHECK_FALSE(subjects::make_live(
      model::make_runnable(model), [](auto, auto, auto) { return std::vector<std::int64_t>{}; },
      small_live()));
}

TEST_CASE("live expert choice reads the future, live top-k does not", "[live]") {
  const auto leaky = small_model(small_config("expert-choice,k=2,chunk=8"));
  const auto clean = small_model(small_config("top-k,k=2"));
  const auto leaks = run_check(audits::causal_mask_check, *live(leaky, small_live()));
  const auto none = run_check(audits::causal_mask_check, *live(clean, small_live()));
  CHECK(claims(leaks, "flip"));
  // The witness shrinks to one changed token by asking for smaller suffixes.
  const auto flip = std::ranges::find(leaks.claims, "flip", &Claim::id);
  REQUIRE(flip->witness.find("tokens_changed") != nullptr);
  CHECK(*flip->witness.integer("tokens_changed") == 1);
  CHECK_FALSE(claims(none, "flip"));
  CHECK_FALSE(claims(none, "change"));
  CHECK(none.detection_limit->unseen_chunks.empty());
  CHECK(none.detection_limit->trials >= 120);
  CHECK(none.detection_limit->sequences == 12);
  CHECK(none.detection_limit->coverage.positions == 1.0);
  CHECK_FALSE(claims(run_check(audits::batch_isolation_check, *live(clean, small_live())), "flip"));
}

TEST_CASE("a live model replaces sequences of several batches", "[live]") {
  const auto model = small_model(small_config("switch-capacity,capacity_factor=1.0"));
  const auto subject = live(model, small_live());
  std::set<std::uint32_t> replaced, repeated;
  std::set<std::vector<std::int64_t>> bases;
  for (const Intervention& run : subject->interventions()) {
    if (run.kind == Kind::batch) replaced.insert(*run.base);
    if (run.kind == Kind::repeat) repeated.insert(*run.base);
    if (run.kind == Kind::base) bases.insert(observed(*subject, run).tokens);
  }
  CHECK(bases.size() == 3);
  CHECK(replaced.size() == 3);
  CHECK(replaced == repeated);
  const auto ran = run_check(audits::batch_isolation_check, *subject);
  CHECK(claims(ran, "flip"));  // whoever comes first takes the places
  CHECK_FALSE(claims(run_check(audits::causal_mask_check, *subject), "flip"));
}

TEST_CASE("a live model holds the draws of a base, and redraws show that there are any", "[live]") {
  auto config = small_config("top-k,k=2");
  config.router.score = model::Score::noisy;
  const auto model = small_model(config);
  const auto subject = live(model, small_live());
  const Trace base = observed(*subject, change(Kind::base, 0));
  require_equal(base, observed(*subject, change(Kind::repeat)));
  Intervention redraw = change(Kind::redraw);
  redraw.seed = 1;
  const Trace redrawn = observed(*subject, redraw);
  CHECK(redrawn.tokens == base.tokens);
  CHECK_FALSE(read_mask(redrawn.layers[0]) == read_mask(base.layers[0]));
  const auto ran = run_check(audits::causal_mask_check, *subject);
  CHECK(claims(ran, "stochastic"));
  CHECK_FALSE(claims(ran, "flip"));
  CHECK(ran.detection_limit->trials >= 120);
  CHECK(ran.detection_limit->trial_rate < 0.03);
  subjects::LiveOptions eval = small_live();
  eval.mode = Mode::eval;
  const auto quiet = run_check(audits::causal_mask_check, *live(model, eval));
  CHECK_FALSE(claims(quiet, "stochastic"));
}

TEST_CASE("with its draws held, a random rule's dependence is proven", "[live]") {
  for (const std::string_view rule :
       {"random-token,k=2,capacity_factor=1.0", "expert-choice(shuffled),k=2,chunk=8"}) {
    CAPTURE(rule);
    const auto model = small_model(small_config(rule));
    const auto ran = run_check(audits::causal_mask_check, *live(model, small_live()));
    CHECK(claims(ran, "stochastic"));
    const auto flip = std::ranges::find(ran.claims, "flip", &Claim::id);
    REQUIRE(flip != ran.claims.end());
    CHECK(flip->basis == Claim::Basis::proof);
  }
  const auto noisy = small_model(small_config("noisy-top-k,k=2"));
  const auto ran = run_check(audits::causal_mask_check, *live(noisy, small_live()));
  CHECK(claims(ran, "stochastic"));
  CHECK_FALSE(claims(ran, "flip"));
  CHECK_FALSE(claims(run_check(audits::batch_isolation_check, *live(noisy, small_live())), "flip"));
  CHECK_FALSE(claims(run_check(audits::length_invariance_check, *live(noisy, small_live())), "flip"));
  CHECK_FALSE(claims(run_check(audits::order_invariance_check, *live(noisy, small_live())), "flip"));
}
