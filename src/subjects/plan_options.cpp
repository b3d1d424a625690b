#include "subjects/plan_options.h"

#include <algorithm>
#include <numeric>

#include "subjects/cuts.h"
#include "subjects/prime.h"

namespace pastonly::subjects {
namespace {

using Kind = Intervention::Kind;

/// Rows of one cut where none are named: all at once, then single ones, evenly apart from row cut mod B on.
std::vector<PlanOptions::Rows> rows_in_turn(const PlanOptions& options, std::size_t sequences,
                                            std::size_t cut_index) {
  std::vector<PlanOptions::Rows> rows;
  if (options.all_at_once) rows.push_back({true, {}});
  const std::size_t singles = std::min(options.single_rows, sequences);
  for (std::size_t i = 0; i < singles; ++i)
    rows.push_back({false, {(cut_index + i * sequences / singles) % sequences}});
  return rows;
}

/// Evenly spread rows, and the step between positions.
void sample_stream(std::size_t tokens, const Layout& layout, Intervention& run) {
  const std::size_t rows = std::min<std::size_t>({layout.sequences, 32, tokens});
  for (std::size_t i = 0; i < rows; ++i) run.rows.push_back(i * layout.sequences / rows);
  run.every = (rows * layout.positions + tokens - 1) / tokens;
  while (run.every > 1 && !is_prime(run.every)) ++run.every;
}

/// A step by which every place of `count` is visited once before any is twice, neighbours in time far apart:
/// the number nearest to the golden section that has no divisor in common with `count`.
std::size_t even_step(std::size_t count) {
  auto step = static_cast<std::size_t>(0.6180339887 * static_cast<double>(count));
  while (step > 1 && std::gcd(step, count) != 1) --step;
  return std::max<std::size_t>(1, step);
}

class Plan {
 public:
  Intervention& add(Kind kind) {
    Intervention& run = runs_.emplace_back();
    run.id = static_cast<std::uint32_t>(runs_.size() - 1);
    run.kind = kind;
    if (kind != Kind::base) run.base = 0;
    return run;
  }
  void add_suffixes(const PlanOptions& options, const Layout& layout) {
    const auto cuts = options.cuts.empty() ? choose_cuts(layout, options.cut_count) : options.cuts;
    for (std::size_t c = 0; c < cuts.size(); ++c) {
      const auto rows = options.rows.empty() ? rows_in_turn(options, layout.sequences, c) : options.rows;
      for (const auto& changed : rows) {
        if (changed.all) {
          add_draws(cuts[c], changed, cuts.size() * options.resamples + c, 1);
        } else {
          add_draws(cuts[c], changed, c * options.resamples, options.resamples);
        }
      }
    }
  }
  /// On the bases in turn.
  void add_grouped(const PlanOptions& options, const Layout& layout) {
    if (layout.positions < 2) return;
    std::vector<std::uint32_t> bases;
    for (const Intervention& run : runs_) {
      if (run.kind == Kind::base) bases.push_back(run.id);
    }
    const std::uint32_t first = next_draw();
    const std::size_t step = even_step(layout.positions - 1);
    for (std::size_t g = 0; g < options.grouped; ++g) {
      Intervention& run = add(Kind::suffix);
      run.base = bases[g % bases.size()];
      run.resample = first + static_cast<std::uint32_t>(g);
      for (std::size_t row = 0; row < layout.sequences; ++row) {
        run.rows.push_back(row);
        run.cuts.push_back(1 + (g * layout.sequences + row) * step % (layout.positions - 1));
      }
      if (run.cuts.size() > 1) continue;
      run.cut = run.cuts.front();  // one row: an ordinary run
      run.cuts.clear();
    }
  }
  /// A further base with a repeat and its own replaced sequences.
  void add_base(const std::vector<std::vector<std::size_t>>& keeps) {
    const std::uint32_t base = add(Kind::base).id;
    add(Kind::repeat).base = base;
    for (const auto& keep : keeps) {
      Intervention& run = add(Kind::batch);
      run.base = base;
      run.keep = keep;
    }
  }
  std::vector<Intervention> take() && { return std::move(runs_); }

 private:
  /// The first number that no suffix run draws under.
  std::uint32_t next_draw() const {
    std::uint32_t next = 0;
    for (const Intervention& run : runs_) {
      if (run.kind == Kind::suffix) next = std::max(next, run.resample + 1);
    }
    return next;
  }
  /// Draws from number `first` on.
  void add_draws(std::size_t cut, const PlanOptions::Rows& rows, std::size_t first, std::size_t draws) {
    for (std::size_t draw = 0; draw < draws; ++draw) {
      Intervention& run = add(Kind::suffix);
      run.cut = cut;
      run.all_rows = rows.all;
      run.rows = rows.rows;
      run.resample = static_cast<std::uint32_t>(first + draw);
    }
  }

  std::vector<Intervention> runs_;
};

}  // namespace

std::vector<Intervention> make_plan(const PlanOptions& options, const Layout& layout) {
  Plan plan;
  plan.add(Kind::base);
  for (std::size_t i = 0; i < options.repeats; ++i) plan.add(Kind::repeat);
  for (std::size_t i = 0; i < options.redraws; ++i) plan.add(Kind::redraw).seed = 1 + i;
  plan.add_suffixes(options, layout);
  for (const auto& keep : options.batch) plan.add(Kind::batch).keep = keep;
  if (options.order && layout.sequences > 1) {
    Intervention& run = plan.add(Kind::order);
    for (std::size_t row = layout.sequences; row-- > 0;) run.permutation.push_back(row);
  }
  for (const std::size_t append : options.append) plan.add(Kind::length).append = append;
  for (std::size_t i = 0; i < options.shuffles; ++i) plan.add(Kind::shuffle).seed = 100 + i;
  for (const auto& rule : options.reroutes) plan.add(Kind::reroute).rule = rule;
  if (options.stream_tokens > 0) sample_stream(options.stream_tokens, layout, plan.add(Kind::stream));
  for (std::size_t i = 0; i < options.more_bases; ++i) plan.add_base(options.batch);
  plan.add_grouped(options, layout);
  return std::move(plan).take();
}

std::uint64_t standard_cost(const Layout& layout) {
  constexpr std::uint64_t suffix_runs = 32, streamed = 512;
  return suffix_runs * layout.tokens() + streamed * (layout.positions + 1) / 2;
}

namespace {

/// Grouped runs after the single ones, and the stream after both, within the cost.
void fill_with_trials(const Layout& layout, const WantedTrials& wanted, PlanOptions& options) {
  constexpr std::uint64_t least_streamed = 64, most_streamed = 512;
  const std::uint64_t run = layout.tokens(), token = (layout.positions + 1) / 2;  // positions that each costs
  const std::uint64_t singles = options.cut_count * options.single_rows * options.resamples;
  const std::uint64_t missing = wanted.draws - std::min(wanted.draws, singles);
  // Some more: short futures that are equal by chance count once.
  const std::uint64_t least = (missing + layout.sequences - 1) / layout.sequences;
  const std::uint64_t needed = least == 0 ? 0 : least + least / 32 + 1;
  const std::uint64_t cost = standard_cost(layout);
  const std::uint64_t taken = std::min(cost, singles * run + least_streamed * token);
  options.grouped = wanted.at_any_price ? needed : std::min(needed, (cost - taken) / run);
  const std::uint64_t suffixes = (singles + options.grouped) * run;
  options.stream_tokens =
      std::clamp((cost - std::min(cost, suffixes)) / token, least_streamed, most_streamed);
}

}  // namespace

PlanOptions standard_plan(const Layout& layout, bool chance, const WantedTrials& wanted) {
  PlanOptions options;
  options.all_at_once = false;
  options.redraws = chance ? 1 : 0;
  options.cut_count = std::clamp<std::size_t>(layout.sequences, 4, 8);
  options.single_rows = 1;
  if (layout.sequences > 1) {
    std::vector<std::size_t> but_last(layout.sequences - 1);
    std::iota(but_last.begin(), but_last.end(), std::size_t{0});
    options.batch = {{0}};
    if (layout.sequences > 2) options.batch.push_back(but_last);
  }
  options.append = {1};
  if (layout.positions / 2 > 1) options.append.push_back(layout.positions / 2);
  options.shuffles = 2;
  options.more_bases = layout.sequences > 1 ? 2 : 0;
  options.stream_tokens = 512;
  fill_with_trials(layout, wanted, options);
  return options;
}

}  // namespace pastonly::subjects
