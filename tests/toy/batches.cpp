#include "toy/batches.h"

#include <algorithm>
#include <string>

#include "stats/random.h"
#include "subject/cuts.h"
#include "toy/hash.h"

namespace pastonly::toy {
namespace {

/// Draws the token at (row, position); `purpose` separates base, suffix, batch and length draws.
std::int64_t draw(const PlanRecipe& plan, std::uint64_t vocab, std::uint64_t purpose, std::size_t row,
                  std::size_t position, std::int64_t previous) {
  stats::CounterRng rng(mix(plan.seed, purpose), mix(row, position));
  const bool stays = position > 0 && rng.uniform() < plan.stay;
  return stays ? previous : static_cast<std::int64_t>(rng.below(vocab));
}

/// Redraws positions [first, end) of a row.
void redraw(const PlanRecipe& plan, std::uint64_t vocab, std::uint64_t purpose, std::size_t row,
            std::size_t first, Batch& batch) {
  for (std::size_t s = first; s < batch.layout.positions; ++s) {
    const std::size_t t = batch.layout.token(row, s);
    batch.tokens[t] = draw(plan, vocab, purpose, row, s, s > 0 ? batch.tokens[t - 1] : 0);
  }
}

Batch base_batch(const PlanRecipe& plan, std::uint64_t vocab, TokenOrder order) {
  Batch batch;
  batch.layout = {plan.sequences, plan.positions, order};
  batch.tokens.assign(batch.layout.tokens(), 0);
  for (std::size_t row = 0; row < plan.sequences; ++row) redraw(plan, vocab, 0, row, 0, batch);
  if (plan.padding > 0) {
    batch.valid.assign(batch.layout.tokens(), 1);
    for (std::size_t row = 0; row < plan.sequences; ++row) {
      for (std::size_t s = plan.positions - plan.padding; s < plan.positions; ++s) {
        batch.valid[batch.layout.token(row, s)] = 0;
      }
    }
  }
  return batch;
}

Batch permuted(const Batch& base, const std::vector<std::size_t>& permutation) {
  Batch out = base;
  const std::size_t positions = base.layout.positions;
  for (std::size_t row = 0; row < permutation.size(); ++row) {
    std::copy_n(base.tokens.begin() + permutation[row] * positions, positions,
                out.tokens.begin() + row * positions);
  }
  return out;
}

Batch lengthened(const PlanRecipe& plan, const Batch& base, std::size_t append, std::uint64_t vocab) {
  Batch out;
  out.layout = base.layout;
  out.layout.positions += append;
  out.tokens.assign(out.layout.tokens(), 0);
  if (!base.valid.empty()) out.valid.assign(out.layout.tokens(), 1);
  for (std::size_t row = 0; row < base.layout.sequences; ++row) {
    for (std::size_t s = 0; s < base.layout.positions; ++s) {
      out.tokens[out.layout.token(row, s)] = base.tokens[base.layout.token(row, s)];
      if (!base.valid.empty()) out.valid[out.layout.token(row, s)] = base.valid[base.layout.token(row, s)];
    }
    redraw(plan, vocab, 3, row, base.layout.positions, out);
  }
  return out;
}

/// One row at a time, in turn, a little apart, and all rows at once: what a recipe gets that names none.
std::vector<PlanRecipe::Rows> default_rows(const PlanRecipe& plan, std::size_t cut_index) {
  const std::size_t first = cut_index % plan.sequences;
  const std::size_t second = (first + plan.sequences / 2) % plan.sequences;
  std::vector<PlanRecipe::Rows> rows{{true, {}}, {false, {first}}};
  if (second != first) rows.push_back({false, {second}});
  return rows;
}

}  // namespace

Expected<Batch> make_batch(const PlanRecipe& plan, const Intervention& run, std::uint64_t vocab,
                           TokenOrder order) {
  using Kind = Intervention::Kind;
  Batch batch = base_batch(plan, vocab, order);
  switch (run.kind) {
    case Kind::suffix:
      for (std::size_t row = 0; row < plan.sequences; ++row) {
        const bool changed =
            run.all_rows || std::find(run.rows.begin(), run.rows.end(), row) != run.rows.end();
        if (changed) redraw(plan, vocab, 100 + run.resample, row, run.cut, batch);
      }
      return batch;
    case Kind::batch:
      for (std::size_t row = 0; row < plan.sequences; ++row) {
        const bool kept = std::find(run.keep.begin(), run.keep.end(), row) != run.keep.end();
        if (!kept) redraw(plan, vocab, 2, row, 0, batch);
      }
      return batch;
    case Kind::order:
      if (run.permutation.size() != plan.sequences)
        return usage_error("permutation has not a row for each row");
      return permuted(batch, run.permutation);
    case Kind::length:
      return lengthened(plan, batch, run.append, vocab);
    case Kind::base:
    case Kind::repeat:
    case Kind::shuffle:
    case Kind::reroute:
      break;
  }
  return batch;
}

std::vector<Intervention> make_interventions(const PlanRecipe& plan, TokenOrder order) {
  using Kind = Intervention::Kind;
  std::vector<Intervention> runs{Intervention{}};
  const auto add = [&](Kind kind) -> Intervention& {
    Intervention& run = runs.emplace_back();
    run.id = static_cast<std::uint32_t>(runs.size() - 1);
    run.kind = kind;
    run.base = 0;
    return run;
  };
  if (!plan.plan) return runs;
  for (std::size_t i = 0; i < plan.repeats; ++i) add(Kind::repeat);
  const Layout layout{plan.sequences, plan.positions - plan.padding, order};
  const auto cuts = plan.cuts.empty() ? choose_cuts(layout, plan.cut_count) : plan.cuts;
  for (std::size_t c = 0; c < cuts.size(); ++c) {
    for (const auto& rows : plan.rows.empty() ? default_rows(plan, c) : plan.rows) {
      for (std::uint32_t resample = 0; resample < (rows.all ? 1U : plan.resamples); ++resample) {
        Intervention& run = add(Kind::suffix);
        run.cut = cuts[c];
        run.all_rows = rows.all;
        run.rows = rows.rows;
        run.resample = resample;
      }
    }
  }
  for (const auto& keep : plan.batch) add(Kind::batch).keep = keep;
  if (plan.order && plan.sequences > 1) {
    Intervention& run = add(Kind::order);
    for (std::size_t row = plan.sequences; row-- > 0;) run.permutation.push_back(row);
  }
  for (const std::size_t append : plan.append) add(Kind::length).append = append;
  for (std::size_t i = 0; i < plan.shuffles; ++i) add(Kind::shuffle).seed = 100 + i;
  for (const auto& rule : plan.reroutes) add(Kind::reroute).rule = rule;
  return runs;
}

}  // namespace pastonly::toy
