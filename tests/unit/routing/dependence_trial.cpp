#include "dependence_trial.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

using namespace pastonly;

namespace {

/// A token's scores: smooth, tied, crowding one expert, or torn between the first two.
void draw_token(float* scores, std::size_t width, std::size_t kind, stats::CounterRng& rng) {
  for (std::size_t i = 0; i < width; ++i) scores[i] = static_cast<float>(rng.normal());
  if (kind == 1) {
    for (std::size_t i = 0; i < width; ++i) scores[i] = std::round(scores[i]);
  } else if (kind == 2) {
    scores[0] += 4.0F;
  } else if (kind == 3 && width > 1) {
    scores[0] += 4.0F;
    scores[1] += 4.0F;
  } else if (kind == 4) {
    scores[width - 1] += 4.0F;
  }
}

/// Each stretch of tokens has one kind, so that crowds come and go.
std::size_t draw_kind(bool ties, stats::CounterRng& rng) {
  const std::size_t kind = rng.below(5);
  return kind == 1 && !ties ? 0 : kind;
}

void redraw(TrialBatch& batch, std::size_t row, std::size_t from, bool ties, stats::CounterRng& rng) {
  std::size_t kind = draw_kind(ties, rng);
  for (std::size_t s = from; s < batch.positions; ++s) {
    if (rng.below(4) == 0) kind = draw_kind(ties, rng);
    draw_token(batch.token(row, s), batch.width, kind, rng);
  }
}

TrialBatch draw(const Layout& layout, const TrialOptions& options, stats::CounterRng& rng) {
  TrialBatch batch{layout.sequences, layout.positions, options.width, {}};
  batch.values.resize(layout.tokens() * options.width);
  for (std::size_t b = 0; b < layout.sequences; ++b) redraw(batch, b, 0, options.ties, rng);
  return batch;
}

/// A change of the batch, and how far each token's outcome must stay: `from` maps (row, position) of the
/// second batch to the first; false = not looked at.
struct Change {
  TrialBatch after;
  std::function<bool(std::size_t row, std::size_t position, std::size_t& row_before)> looked_at;
};

Change change_future(const TrialBatch& before, const TrialOptions& options, stats::CounterRng& rng) {
  const std::size_t row = rng.below(before.sequences);
  const std::size_t cut = before.positions > 1 ? 1 + rng.below(before.positions - 1) : 1;
  Change change{before, [=](std::size_t b, std::size_t s, std::size_t& from) {
                  from = b;
                  return b == row && s < cut;
                }};
  if (cut < before.positions) redraw(change.after, row, cut, options.ties, rng);
  return change;
}

Change change_batch(const TrialBatch& before, const TrialOptions& options, stats::CounterRng& rng) {
  const std::size_t row = rng.below(before.sequences);
  Change change{before, [=](std::size_t b, std::size_t, std::size_t& from) {
                  from = b;
                  return b == row;
                }};
  for (std::size_t b = 0; b < before.sequences; ++b) {
    if (b != row) redraw(change.after, b, 0, options.ties, rng);
  }
  return change;
}

Change change_order(const TrialBatch& before, stats::CounterRng& rng) {
  std::vector<std::size_t> permutation(before.sequences);
  std::iota(permutation.begin(), permutation.end(), std::size_t{0});
  for (std::size_t i = permutation.size(); i > 1; --i)
    std::swap(permutation[i - 1], permutation[rng.below(i)]);
  TrialBatch after = before;
  const std::size_t row_size = before.positions * before.width;
  for (std::size_t b = 0; b < before.sequences; ++b) {
    std::copy_n(before.values.data() + permutation[b] * row_size, row_size,
                after.values.data() + b * row_size);
  }
  return {after, [permutation](std::size_t b, std::size_t, std::size_t& from) {
            from = permutation[b];
            return true;
          }};
}

Change change_length(const TrialBatch& before, const TrialOptions& options, stats::CounterRng& rng) {
  static constexpr std::array<std::size_t, 6> lengths = {1, 2, 4, 8, 40, 400};
  const std::size_t more = lengths[rng.below(lengths.size())] * options.append_multiple;
  TrialBatch after{before.sequences, before.positions + more, before.width, {}};
  after.values.resize(after.sequences * after.positions * after.width);
  for (std::size_t b = 0; b < before.sequences; ++b) {
    redraw(after, b, 0, options.ties, rng);
    std::copy_n(before.values.data() + b * before.positions * before.width, before.positions * before.width,
                after.token(b, 0));
  }
  const std::size_t positions = before.positions;
  return {after, [positions](std::size_t b, std::size_t s, std::size_t& from) {
            from = b;
            return s < positions;
          }};
}

Change change_nothing(const TrialBatch& before) {
  return {before, [](std::size_t b, std::size_t, std::size_t& from) {
            from = b;
            return true;
          }};
}

Change change_along(Axis axis, const TrialBatch& before, const TrialOptions& options,
                    stats::CounterRng& rng) {
  switch (axis) {
    case Axis::future:
      return change_future(before, options, rng);
    case Axis::batch:
      return change_batch(before, options, rng);
    case Axis::order:
      return change_order(before, rng);
    case Axis::length:
      return change_length(before, options, rng);
    case Axis::chance:
      break;
  }
  return change_nothing(before);
}

}  // namespace

std::string_view name(Axis axis) {
  static constexpr std::array<std::string_view, 5> names = {"future", "batch", "order", "length", "chance"};
  return names[static_cast<std::size_t>(axis)];
}

bool declared(const Dependence& dependence, Axis axis) {
  switch (axis) {
    case Axis::future:
      return dependence.future;
    case Axis::batch:
      return dependence.batch;
    case Axis::order:
      return dependence.order;
    case Axis::length:
      return dependence.length;
    case Axis::chance:
      return dependence.random;
  }
  return false;
}

Observe observe_mask(const RoutingRule& rule, TokenOrder order) {
  return [&rule, order](const TrialBatch& batch, std::uint64_t seed) {
    const Layout layout{batch.sequences, batch.positions, order};
    std::vector<float> scores(batch.values.size());     // router order
    std::vector<float> decisions(batch.values.size());  // batch order
    const auto each = [&](auto&& visit) {
      for (std::size_t b = 0; b < layout.sequences; ++b) {
        for (std::size_t s = 0; s < layout.positions; ++s) {
          for (std::size_t i = 0; i < batch.width; ++i) {
            visit(layout.token(b, s) * batch.width + i, layout.router_index(b, s) * batch.width + i);
          }
        }
      }
    };
    each([&](std::size_t own, std::size_t routed) { scores[routed] = batch.values[own]; });
    // A token's id follows from its scores, so that what is redrawn may end a document, or no longer.
    std::vector<std::int64_t> ids(layout.tokens());
    for (std::size_t t = 0; t < ids.size(); ++t) ids[t] = scores[t * batch.width] > 0.5F ? 0 : 1;
    RoutingContext context;
    context.layout = layout;
    context.seed = seed;
    context.tokens = ids;
    Routing out;
    rule.select({scores.data(), layout.tokens(), batch.width}, context, out);
    each([&](std::size_t own, std::size_t routed) { decisions[own] = out.mask.view().data()[routed]; });
    return decisions;
  };
}

bool flips(const Observe& observe, const Layout& layout, Axis axis, const TrialOptions& options,
           stats::CounterRng& rng) {
  const TrialBatch before = draw(layout, options, rng);
  const Change change = change_along(axis, before, options, rng);
  const std::uint64_t seed = rng.bits64();
  const auto first = observe(before, seed);
  const auto second = observe(change.after, axis == Axis::chance ? seed + 1 : seed);
  for (std::size_t b = 0; b < change.after.sequences; ++b) {
    for (std::size_t s = 0; s < change.after.positions; ++s) {
      std::size_t row = 0;
      if (!change.looked_at(b, s, row)) continue;
      for (std::size_t i = 0; i < options.width; ++i) {
        const float x = first[(row * before.positions + s) * options.width + i];
        const float y = second[(b * change.after.positions + s) * options.width + i];
        if (std::abs(x - y) > options.tolerance * std::max(std::abs(x), std::abs(y))) return true;
      }
    }
  }
  return false;
}
