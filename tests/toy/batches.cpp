#include "toy/batches.h"

#include "stats/random.h"
#include "subjects/plan_options.h"
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
            std::size_t first, std::span<std::int64_t> tokens) {
  for (std::size_t s = first; s < tokens.size(); ++s)
    tokens[s] = draw(plan, vocab, purpose, row, s, s > 0 ? tokens[s - 1] : 0);
}

Batch base_batch(const PlanRecipe& plan, std::uint64_t vocab, TokenOrder order) {
  Batch batch;
  batch.layout = {plan.sequences, plan.positions, order};
  batch.tokens.assign(batch.layout.tokens(), 0);
  for (std::size_t row = 0; row < plan.sequences; ++row) {
    redraw(plan, vocab, 0, row, 0,
           std::span(batch.tokens).subspan(batch.layout.token(row, 0), plan.positions));
  }
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

std::uint64_t purpose_of(const Intervention& run) {
  if (run.kind == Intervention::Kind::suffix) return 100 + run.resample;
  return run.kind == Intervention::Kind::batch ? 2 : 3;
}

}  // namespace

Expected<Batch> make_batch(const PlanRecipe& plan, const Intervention& run, std::uint64_t vocab,
                           TokenOrder order) {
  return subjects::intervened(
      run, base_batch(plan, vocab, order),
      [&](const Intervention& of, std::size_t row, std::size_t first, std::span<std::int64_t> tokens) {
        redraw(plan, vocab, purpose_of(of), row, first, tokens);
      });
}

std::vector<Intervention> make_interventions(const PlanRecipe& plan, TokenOrder order) {
  if (!plan.plan) return {Intervention{}};
  subjects::PlanOptions options;
  options.repeats = plan.repeats;
  options.cuts = plan.cuts;
  options.cut_count = plan.cut_count;
  options.rows = plan.rows;
  options.resamples = plan.resamples;
  options.grouped = plan.grouped;
  options.batch = plan.batch;
  options.order = plan.order;
  options.append = plan.append;
  options.shuffles = plan.shuffles;
  options.reroutes = plan.reroutes;
  return subjects::make_plan(options, {plan.sequences, plan.positions - plan.padding, order});
}

}  // namespace pastonly::toy
