#include "comparison/influence.h"

#include <cmath>
#include <cstddef>
#include <deque>
#include <functional>
#include <set>
#include <vector>

#include "catch.h"
#include "comparison/tolerances.h"
#include "stats/random.h"

using namespace pastonly;
using comparison::MovedAt;

namespace {

using Ids = std::vector<std::int64_t>;
/// The expert of a token: a function of its row's ids and its position.
using Decide = std::function<std::size_t(std::span<const std::int64_t>, std::size_t)>;

constexpr std::size_t map_rows = 2, map_experts = 5;

std::size_t expert_of(std::int64_t sum) { return static_cast<std::size_t>(sum) % map_experts; }

std::size_t by_past(std::span<const std::int64_t> ids, std::size_t at) {
  std::int64_t sum = 0;
  for (std::size_t s = 0; s <= at; ++s) sum += ids[s];
  return expert_of(sum);
}
std::size_t by_next(std::span<const std::int64_t> ids, std::size_t at) {
  return expert_of(ids[at] + (at + 1 < ids.size() ? ids[at + 1] : 0));
}
/// As under expert choice, any later token may decide.
std::size_t by_all(std::span<const std::int64_t> ids, std::size_t) { return by_past(ids, ids.size() - 1); }

/// Suffix runs of single rows of a model that decides so, with every trial's difference computed as an audit
/// does.
class MapTrials {
 public:
  MapTrials(std::size_t length, Decide decide, std::vector<std::uint8_t> valid = {}, bool routed = true)
      : length_(length), decide_(std::move(decide)), valid_(std::move(valid)), routed_(routed) {
    for (std::size_t i = 0; i < map_rows * length; ++i)
      ids_.push_back(static_cast<std::int64_t>(rng_.below(40)));
    reference_.base = trace_of(ids_);
    reference_.tolerances = comparison::tolerances_of(reference_.base);
  }
  /// Redraws a row from a cut on; every redrawn token is another.
  void add(std::size_t row, std::size_t cut) {
    Ids ids = ids_;
    for (std::size_t s = cut; s < length_; ++s)
      ids[row * length_ + s] += 1 + static_cast<std::int64_t>(rng_.below(3));
    Intervention& run = runs_.emplace_back();
    run.id = static_cast<std::uint32_t>(runs_.size());
    run.kind = Intervention::Kind::suffix;
    run.base = 0;
    run.cut = cut;
    run.rows = {row};
    comparison::RunComparison& compared = compared_.emplace_back();
    compared.run = &run;
    compared.reference = &reference_;
    compared.regions = {{row, row, cut}};
    compared.trace = trace_of(ids);
    auto difference =
        comparison::compare(reference_.base, compared.trace, compared.regions, reference_.tolerances);
    REQUIRE(difference);
    compared.difference = *std::move(difference);
    rows_.push_back({&compared, {row, cut, false}, compared.difference.changed()});
  }
  void add_all() {
    for (std::size_t row = 0; row < map_rows; ++row) {
      for (std::size_t cut = 1; cut < length_; ++cut) add(row, cut);
    }
  }
  comparison::Influence map() const {
    return comparison::influence(comparison::count_trials(rows_).rows,
                                 routed_ ? MovedAt::decision : MovedAt::number);
  }

  /// The same by looking at every expert.
  std::vector<double> by_brute_force(std::size_t width) const {
    const std::size_t bins = (length_ + width - 1) / width;
    std::vector<double> asked(bins * bins, 0.0), moved(asked);
    for (const auto& row : rows_) {
      const Trace& after = row.compared->trace;
      const Mask was = read_mask(reference_.base.layers[0]), is = read_mask(after.layers[0]);
      for (std::size_t s = 0; s < row.changed_row.cut; ++s) {
        const std::size_t token = row.changed_row.row * length_ + s;
        if (!reference_.base.is_valid(token)) continue;
        bool differs = false;
        for (std::size_t e = 0; e < map_experts; ++e) differs = differs || was(token, e) != is(token, e);
        const std::size_t cell = s / width * bins + row.changed_row.cut / width;
        asked[cell] += 1.0;
        moved[cell] += differs ? 1.0 : 0.0;
      }
    }
    for (std::size_t i = 0; i < asked.size(); ++i)
      asked[i] = asked[i] > 0.0 ? moved[i] / asked[i] : std::nan("");
    return asked;
  }

 private:
  Trace trace_of(const Ids& ids) const {
    TraceData data;
    data.layout = {map_rows, length_};
    if (routed_) data.layers.emplace_back().mask.reset(ids.size(), map_experts);
    for (std::size_t row = 0; row < map_rows; ++row) {
      const std::span<const std::int64_t> own(ids.data() + row * length_, length_);
      for (std::size_t s = 0; s < length_; ++s) {
        const std::size_t decided = decide_(own, s);
        if (routed_)
          data.layers[0].mask(row * length_ + s, decided) = 1;
        else
          data.log_probs.push_back(-1.0 - static_cast<double>(decided));
      }
    }
    data.tokens = ids;
    data.valid = valid_;
    return make_trace(std::move(data));
  }

  stats::CounterRng rng_{3};
  std::size_t length_;
  Decide decide_;
  std::vector<std::uint8_t> valid_;
  bool routed_;
  Ids ids_;
  comparison::Reference reference_;
  std::deque<Intervention> runs_;
  std::deque<comparison::RunComparison> compared_;
  std::vector<comparison::ComparedRow> rows_;
};

bool equal_maps(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the map of influence is what brute force says", "[influence]") {
  for (const std::size_t length : {2U, 16U, 48U, 49U, 100U}) {
    for (const Decide& decide : {Decide(by_past), Decide(by_next), Decide(by_all)}) {
      MapTrials trials(length, decide);
      trials.add_all();
      const auto map = trials.map();
      CAPTURE(length);
      CHECK(map.length == length);
      CHECK(map.bins <= comparison::most_influence_bins);
      CHECK(map.width == (length + comparison::most_influence_bins - 1) / comparison::most_influence_bins);
      CHECK(equal_maps(map.share, trials.by_brute_force(map.width)));
    }
  }
}

TEST_CASE("a causal rule leaves the future empty, and the past is not asked", "[influence]") {
  MapTrials trials(12, by_past);
  trials.add_all();
  const auto map = trials.map();
  CHECK(map.moved == 0);
  CHECK(map.asked == map_rows * (11 * 12) / 2);
  CHECK_FALSE(map.farthest);
  for (std::size_t t = 0; t < 12; ++t) {
    for (std::size_t c = 0; c < 12; ++c) {
      CAPTURE(t, c);
      if (c > t)
        CHECK(map.share[t * 12 + c] == 0.0);
      else
        CHECK(std::isnan(map.share[t * 12 + c]));
    }
  }
}

TEST_CASE("one token of look-ahead is one diagonal", "[influence]") {
  MapTrials trials(12, by_next);
  trials.add_all();
  const auto map = trials.map();
  for (std::size_t t = 0; t < 12; ++t) {
    for (std::size_t c = t + 1; c < 12; ++c) CHECK((map.share[t * 12 + c] > 0.0) == (c == t + 1));
  }
  REQUIRE(map.farthest);
  CHECK(map.farthest->distance() == 1);
  CHECK(map.nearest->distance() == 1);
}

TEST_CASE("a choice over the whole row fills the triangle", "[influence]") {
  MapTrials trials(12, by_all);
  for (int draws = 0; draws < 6; ++draws) trials.add_all();
  const auto map = trials.map();
  for (std::size_t t = 0; t < 12; ++t) {
    for (std::size_t c = t + 1; c < 12; ++c) CHECK(map.share[t * 12 + c] > 0.0);
  }
  REQUIRE(map.farthest);
  CHECK(map.farthest->decided == 0);
  CHECK(map.farthest->redrawn == 11);
}

TEST_CASE("without routed layers the map is of what the model says", "[influence]") {
  for (const bool leaks : {false, true}) {
    MapTrials trials(12, leaks ? Decide(by_next) : Decide(by_past), {}, false);
    trials.add_all();
    const auto map = trials.map();
    CHECK(map.asked > 0);
    CHECK((map.moved > 0) == leaks);
    for (std::size_t t = 0; leaks && t < 12; ++t) {
      for (std::size_t c = t + 1; c < 12; ++c) CHECK((map.share[t * 12 + c] > 0.0) == (c == t + 1));
    }
  }
}

TEST_CASE("cuts that no trial has are not asked, and padding is left out", "[influence]") {
  std::vector<std::uint8_t> valid(map_rows * 12, 1);
  valid[0] = valid[1] = 0;
  MapTrials trials(12, by_all, valid);
  trials.add(0, 6);
  const auto map = trials.map();
  CHECK(map.asked == 4);  // positions 2 to 5
  std::set<std::size_t> columns;
  for (std::size_t i = 0; i < map.share.size(); ++i) {
    if (!std::isnan(map.share[i])) columns.insert(i % 12);
  }
  CHECK(columns == std::set<std::size_t>{6});
  CHECK(equal_maps(map.share, trials.by_brute_force(1)));
  CHECK(comparison::influence({}, MovedAt::decision).share.empty());
}
