#include "subjects/run_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "stats/random.h"

namespace pastonly::subjects {
namespace {

using Kind = Intervention::Kind;

/// What separates the draws of one subject from one another.
enum class Purpose : std::uint64_t { base, suffix, batch, length, chance, foreign_batch };

std::uint64_t derive(std::uint64_t seed, Purpose purpose, std::uint64_t a, std::uint64_t b = 0,
                     std::uint64_t c = 0) {
  for (const std::uint64_t part : {static_cast<std::uint64_t>(purpose), a, b, c})
    seed = stats::CounterRng(seed, part).bits64();
  return seed;
}

}  // namespace

Expected<void> RunInputs::check(const std::string& subject) const {
  if (draw_(seed_, layout_.sequences, layout_.positions).size() == layout_.tokens() &&
      draw_(seed_, 1, 1).size() == 1)
    return {};
  return usage_error(fmt::format("{}: the token source draws batches of the wrong size", subject));
}

TokenBatch RunInputs::drawn(std::uint64_t seed) const {
  return {layout_, draw_(seed, layout_.sequences, layout_.positions), {}};
}

Expected<TokenBatch> RunInputs::batch(const Intervention& run) const {
  const std::uint64_t base = run.base.value_or(run.id);
  const auto redraw = [&](const Intervention& of, std::size_t row, std::size_t first,
                          std::span<std::int64_t> tokens) {
    const Purpose purpose = of.kind == Kind::suffix  ? Purpose::suffix
                            : of.kind == Kind::batch ? Purpose::batch
                                                     : Purpose::length;
    // What is appended starts a sequence of its own; all else is taken from a redrawn row, so that it nests.
    const std::size_t from = of.kind == Kind::length ? first : 0;
    const auto drawn = draw_(derive(seed_, purpose, base, row, of.resample), 1, tokens.size() - from);
    std::copy_n(drawn.begin() + static_cast<std::ptrdiff_t>(first - from), tokens.size() - first,
                tokens.begin() + static_cast<std::ptrdiff_t>(first));
  };
  return intervened(run, drawn(derive(seed_, Purpose::base, base)), redraw);
}

Expected<Trace> RunInputs::outline(const Intervention& run, std::string path) const {
  auto given = batch(run);
  if (!given) return tl::unexpected(given.error());
  Trace trace;
  trace.path = std::move(path);
  trace.layout = given->layout;
  trace.tokens = std::move(given->tokens);
  return trace;
}

TokenBatch RunInputs::foreign_batch(const Intervention& run) const {
  return drawn(derive(seed_, Purpose::foreign_batch, run.base.value_or(run.id), run.seed));
}

std::uint64_t RunInputs::chance(const Intervention& run) const {
  return derive(seed_, Purpose::chance, run.base.value_or(run.id), run.kind == Kind::redraw ? run.seed : 0);
}

}  // namespace pastonly::subjects
