#include "losses/routed_losses.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "stats/parallel.h"

namespace pastonly {
namespace {

using RunKind = Intervention::Kind;

struct BitSum {
  double bits = 0.0;
  double tokens = 0.0;
};

/// Row `row` of `more` less `less`.
BitSum row_difference(const Trace& more, const Trace& less, std::size_t row) {
  BitSum out;
  for (std::size_t s = 1; s < less.layout.positions; ++s) {
    const std::size_t token = less.layout.token(row, s);
    if (!less.valid.empty() && less.valid[token] == 0) continue;
    const double bits = less.log_probs[token] - more.log_probs[token];
    if (!std::isfinite(bits)) continue;
    out.bits += bits / std::numbers::ln2;
    out.tokens += 1.0;
  }
  return out;
}

bool comparable(const Trace& a, const Trace& b) {
  return a.layout == b.layout && a.log_probs.size() == a.layout.tokens() &&
         b.log_probs.size() == b.layout.tokens();
}

}  // namespace

Expected<std::vector<Trace>> fresh_runs(Evidence& evidence, const Routed& routed, std::size_t first,
                                        std::size_t count) {
  std::vector<Expected<Trace>> found(count);
  stats::parallel_for(count, [&](std::size_t i) {
    if (routed.kind == RunKind::base) {
      found[i] = evidence.fresh_losses(first + i);
      return;
    }
    Intervention run;
    run.kind = routed.kind;
    run.rule = routed.rule;
    run.seed = first + i;
    found[i] = evidence.fresh_losses(first + i, std::move(run));
  });
  std::vector<Trace> out;
  for (auto& trace : found) {
    if (!trace) return tl::unexpected(trace.error());
    out.push_back(*std::move(trace));
  }
  return out;
}

Expected<std::vector<Trace>> recorded_runs(Evidence& evidence, const Routed& routed) {
  const auto base = evidence.base();
  if (!base) return tl::unexpected(base.error());
  if (routed.kind == RunKind::base) return std::vector<Trace>{*base};
  for (const Intervention* run : evidence.runs(routed.kind)) {
    if (run->base != evidence.runs().front().id || run->rule != routed.rule) continue;
    auto trace = evidence.trace(*run);
    if (!trace) return tl::unexpected(trace.error());
    return std::vector<Trace>{*std::move(trace)};
  }
  return std::vector<Trace>{};
}

std::vector<double> loss_differences(std::span<const Trace> more, std::span<const Trace> less) {
  std::vector<double> out;
  for (std::size_t i = 0; i < std::min(more.size(), less.size()); ++i) {
    if (!comparable(more[i], less[i])) continue;
    BitSum batch;
    for (std::size_t row = 0; row < less[i].layout.sequences; ++row) {
      const BitSum here = row_difference(more[i], less[i], row);
      if (less.size() == 1 && here.tokens > 0.0) out.push_back(here.bits / here.tokens);
      batch.bits += here.bits;
      batch.tokens += here.tokens;
    }
    if (less.size() > 1 && batch.tokens > 0.0) out.push_back(batch.bits / batch.tokens);
  }
  return out;
}

double mean_loss(std::span<const Trace> runs) {
  BitSum all;
  for (const Trace& trace : runs) {
    for (std::size_t t = 0; t < trace.log_probs.size(); ++t) {
      if (!std::isfinite(trace.log_probs[t]) || (!trace.valid.empty() && trace.valid[t] == 0)) continue;
      all.bits -= trace.log_probs[t] / std::numbers::ln2;
      all.tokens += 1.0;
    }
  }
  return all.tokens > 0.0 ? all.bits / all.tokens : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace pastonly
