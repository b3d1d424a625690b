#include "comparison/trials.h"

#include <deque>
#include <set>

#include "catch.h"
#include "comparison/coverage.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

constexpr std::size_t trial_rows = 3, trial_length = 24, trial_experts = 4;

/// Every token goes to expert token % 4.
Trace routed(std::vector<std::int64_t> ids, std::vector<std::uint8_t> valid = {}) {
  TraceData data;
  data.layout = {trial_rows, trial_length};
  TraceData::Layer& layer = data.layers.emplace_back();
  layer.mask.reset(ids.size(), trial_experts);
  for (std::size_t t = 0; t < ids.size(); ++t)
    layer.mask(t, static_cast<std::size_t>(ids[t]) % trial_experts) = 1;
  data.tokens = std::move(ids);
  data.valid = std::move(valid);
  return make_trace(std::move(data));
}

/// Compared rows with all that they point to.
class TrialSet {
 public:
  explicit TrialSet(bool tokens_recorded = true, std::vector<std::uint8_t> valid = {})
      : valid_(std::move(valid)), recorded_(tokens_recorded) {
    for (auto& token : tokens_) token = static_cast<std::int64_t>(rng_.below(50));
    reference_.base = routed(tokens_, valid_);
    if (!recorded_) reference_.base.tokens.clear();
  }
  /// A suffix run of one row; equal seeds draw equal tokens at equal positions.
  void add(std::size_t row, std::size_t cut, std::uint64_t seed, bool moved = false,
           std::uint32_t resample = 0) {
    auto ids = tokens_;
    for (std::size_t s = cut; s < trial_length; ++s)
      ids[row * trial_length + s] = static_cast<std::int64_t>(stats::CounterRng(seed, s).below(50)) + 50;
    Intervention& run = runs_.emplace_back();
    run.id = static_cast<std::uint32_t>(runs_.size());
    run.kind = Intervention::Kind::suffix;
    run.base = 0;
    run.cut = cut;
    run.rows = {row};
    run.resample = resample;
    comparison::RunComparison& compared = compared_.emplace_back();
    compared.run = &run;
    compared.reference = &reference_;
    compared.trace = routed(std::move(ids), valid_);
    if (!recorded_) compared.trace.tokens.clear();
    rows_.push_back({&compared, {row, cut, false}, moved});
  }
  comparison::Trials count() const { return comparison::count_trials(rows_); }

 private:
  stats::CounterRng rng_{7};
  std::vector<std::int64_t> tokens_ = std::vector<std::int64_t>(trial_rows * trial_length);
  std::vector<std::uint8_t> valid_;
  bool recorded_;
  comparison::Reference reference_;
  std::deque<Intervention> runs_;
  std::deque<comparison::RunComparison> compared_;
  std::vector<comparison::ComparedRow> rows_;
};

}  // namespace

TEST_CASE("draws are counted, not runs", "[trials]") {
  TrialSet set;
  for (std::uint32_t run = 0; run < 4; ++run) set.add(0, 9, 1, run == 2, run);  // one draw, four numbers
  set.add(0, 9, 2);
  set.add(1, 9, 1);             // the same draw in another sequence
  set.add(0, 5, 3, false, 10);  // one draw, cut twice
  set.add(0, 13, 3, false, 11);
  const auto trials = set.count();
  CHECK(trials.draws == 4);
  CHECK(trials.draws_moved == 1);
  CHECK(trials.sequences == 2);
  CHECK(trials.sequences_moved == 1);
  CHECK(trials.rows.size() == 8);
  REQUIRE(trials.left_out.size() == 1);
  CHECK(trials.left_out.front().runs == std::vector<std::uint64_t>{2, 3, 4, 8});
}

TEST_CASE("short futures may be equal by chance", "[trials]") {
  TrialSet set;
  set.add(0, trial_length - 1, 1, false, 0);
  set.add(0, trial_length - 2, 1, false, 1);  // ends in the same token, under another number
  CHECK(set.count().draws == 2);
  set.add(0, trial_length - 3, 1, false, 1);  // under the same number: cut again
  CHECK(set.count().draws == 2);
}

TEST_CASE("without tokens the plan tells draws apart", "[trials]") {
  TrialSet set(false);
  set.add(0, 9, 1, false, 0);
  set.add(0, 9, 2, false, 0);
  set.add(0, 9, 3, false, 1);
  set.add(1, 9, 1, false, 0);
  const auto trials = set.count();
  CHECK(trials.draws == 3);
  CHECK(trials.sequences == 2);
}

TEST_CASE("a trial has a valid token before its cut", "[trials]") {
  std::vector<std::uint8_t> valid(trial_rows * trial_length, 1);
  for (std::size_t s = 0; s < 10; ++s) valid[s] = 0;  // row 0 is padded on the left
  TrialSet set(true, valid);
  set.add(0, 9, 1);
  set.add(0, 10, 2);
  CHECK(set.count().draws == 0);
  set.add(0, 11, 3);
  set.add(1, 9, 4);
  const auto trials = set.count();
  CHECK(trials.draws == 2);
  CHECK(trials.rows.front().before == 1);
  CHECK(trials.rows.front().first_valid == 10);
  REQUIRE(trials.left_out.size() == 1);
  CHECK(trials.left_out.front().reason == "everything before the cut is padding");
}

TEST_CASE("coverage agrees with its definition", "[trials][coverage]") {
  stats::CounterRng rng(5);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::uint8_t> valid(trial_rows * trial_length, 1);
    const std::size_t left = rng.below(4), right = rng.below(4);
    for (std::size_t s = 0; s < left; ++s) valid[s] = 0;                          // row 0
    for (std::size_t s = 0; s < right; ++s) valid[2 * trial_length - 1 - s] = 0;  // row 1
    TrialSet set(true, valid);
    for (std::size_t i = 0; i < 1 + rng.below(6); ++i)
      set.add(rng.below(trial_rows), 4 + rng.below(trial_length - 8), rng.bits64());
    const auto trials = set.count();
    const std::int64_t special[] = {0, 1, 2, 2, 1'000'000};
    const Coverage seen = comparison::coverage_of(trials.rows, special);
    std::set<std::int64_t> before, redrawn;
    for (const auto& trial : trials.rows) {
      const Trace &base = trial.of.compared->reference->base, &run = trial.of.compared->trace;
      for (std::size_t p = 0; p < base.layout.positions; ++p) {
        const std::size_t token = base.layout.token(trial.of.changed_row.row, p);
        if (!base.is_valid(token)) continue;
        if (p < trial.of.changed_row.cut) {
          before.insert(base.tokens[token]);
        } else if (base.tokens[token] != run.tokens[token]) {
          redrawn.insert({base.tokens[token], run.tokens[token]});
        }
      }
    }
    CHECK(seen.ids_before == before.size());
    CHECK(seen.ids_redrawn == redrawn.size());
    CHECK(seen.special == 4);
    CHECK(seen.special_before == before.count(0) + before.count(1) + before.count(2));
    CHECK(seen.special_redrawn == redrawn.count(0) + redrawn.count(1) + redrawn.count(2));
    std::size_t length = 0;
    for (const auto& trial : trials.rows) length = std::max(length, trial.end_valid);
    REQUIRE(seen.length == length);
    std::size_t pairs = 0, covered = 0, positions = 0, next = 0, farthest = 0;
    for (std::size_t p = 0; p + 1 < length; ++p) {
      bool any = false;
      for (std::size_t q = p + 1; q < length; ++q) {
        bool shown = false;
        for (const auto& trial : trials.rows) {
          const std::size_t cut = trial.of.changed_row.cut;
          shown = shown || (trial.first_valid <= p && p < cut && cut <= q && q < trial.end_valid);
        }
        ++pairs;
        covered += shown ? 1 : 0;
        any = any || shown;
        next += shown && q == p + 1 ? 1 : 0;
        if (shown) farthest = std::max(farthest, q - p);
      }
      positions += any ? 1 : 0;
    }
    const auto places = static_cast<double>(length - 1);
    CHECK(seen.positions == Approx(static_cast<double>(positions) / places));
    CHECK(seen.next_token == Approx(static_cast<double>(next) / places));
    CHECK(seen.pairs == Approx(static_cast<double>(covered) / static_cast<double>(pairs)));
    CHECK(seen.farthest == farthest);
    REQUIRE(seen.map.size() == 8);
    for (const auto& band : seen.map) {
      for (const double share : band) CHECK((share == -1.0 || (share >= 0.0 && share <= 1.0)));
    }
  }
}

TEST_CASE("coverage without trials is nothing", "[trials][coverage]") {
  CHECK(comparison::coverage_of({}) == Coverage{});
  CHECK(comparison::moved_after_cut({}).tokens.empty());
}

TEST_CASE("what is redrawn is seen to be routed otherwise", "[trials][coverage]") {
  TrialSet set;
  for (std::uint32_t i = 0; i < 6; ++i) set.add(i % trial_rows, 6, i, false, i);
  const auto moved = comparison::moved_after_cut(set.count().rows);
  REQUIRE(moved.tokens.size() == 1);
  CHECK(moved.tokens[0] == 6 * (trial_length - 6));
  // Of tokens drawn anew one in four goes where the old one went.
  CHECK(static_cast<double>(moved.moved[0]) / static_cast<double>(moved.tokens[0]) ==
        Approx(0.75).margin(0.15));
}
