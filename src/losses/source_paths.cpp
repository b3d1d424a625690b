#include "losses/source_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "losses/source.h"
#include "pastonly/routing_rule.h"
#include "replay/replay_rule.h"
#include "stats/e_process.h"
#include "stats/location_test.h"
#include "stats/parallel.h"

namespace pastonly::losses {
namespace {

constexpr double floor_share = 0.25;

bool counts_here(const Trace& trace, std::size_t row, std::size_t position) {
  return trace.is_valid(trace.layout.token(row, position));
}

/// Positions at which nothing was predicted for any row: the first, and what an engine does not record.
std::vector<bool> unpredicted(const Trace& trace) {
  std::vector<bool> none(trace.layout.positions, true);
  for (std::size_t row = 0; row < trace.layout.sequences; ++row) {
    for (std::size_t s = 0; s < trace.layout.positions; ++s) {
      if (counts_here(trace, row, s) && !std::isnan(trace.log_probs[trace.layout.token(row, s)]))
        none[s] = false;
    }
  }
  if (!none.empty()) none[0] = true;  // has no past to be predicted from
  return none;
}

/// A probability above 1 breaks what the test rests on.
Expected<void> require_probabilities(const Trace& trace) {
  constexpr double rounding = 1e-5;
  for (std::size_t i = 0; i < trace.log_probs.size(); ++i) {
    if (!(trace.log_probs[i] > rounding)) continue;
    return input_error(
        fmt::format("{}: logprobs: {:g} at row {}, position {} is not a log-probability (above 0)",
                    trace.path, trace.log_probs[i], i / trace.layout.positions, i % trace.layout.positions));
  }
  return {};
}

/// The rows of one batch: each is a path, and their average runs along with the positions.
struct PathBatch {
  std::vector<stats::EProcess> processes;     // (rows)
  std::vector<double> gains, tokens, values;  // (rows)
  double source_bits = 0.0, supremum = 0.0;

  explicit PathBatch(std::size_t rows) : processes(rows), gains(rows), tokens(rows), values(rows) {}
};

PathBatch follow(const Trace& trace, const stats::TokenSource& source) {
  PathBatch batch(trace.layout.sequences);
  const std::vector<double> log2_p = source_log2_probabilities(trace, source);
  const std::vector<bool> skip = unpredicted(trace);
  for (std::size_t s = 0; s < trace.layout.positions; ++s) {
    if (skip[s]) continue;
    for (std::size_t row = 0; row < trace.layout.sequences; ++row) {
      if (!counts_here(trace, row, s)) continue;
      const std::size_t token = trace.layout.token(row, s);
      const double gain = trace.log_probs[token] / std::numbers::ln2 - log2_p[token];
      batch.source_bits -= log2_p[token];
      batch.processes[row].observe(gain);
      batch.values[row] = batch.processes[row].log2_value();
      batch.gains[row] += gain;
      batch.tokens[row] += 1.0;
    }
    batch.supremum = std::max(batch.supremum, stats::log2_mean(batch.values));
  }
  return batch;
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Of every row, what the model gains in order and not in a run of prefixes, paired token by token and
/// carried over to as many tokens as were predicted: all that a leak can have given it. Empty where no token
/// stands in both.
std::vector<double> beyond_prefixes(const Trace& base, const Trace& streamed, const SourcePaths& in_order) {
  const std::size_t rows = base.layout.sequences;
  std::vector<double> values;
  if (streamed.log_probs.size() != base.log_probs.size() || in_order.tokens.size() != rows) return values;
  for (std::size_t row = 0; row < rows; ++row) {
    double gain = 0.0, tokens = 0.0;
    for (std::size_t s = 1; s < base.layout.positions; ++s) {
      const std::size_t token = base.layout.token(row, s);
      const double difference = base.log_probs[token] - streamed.log_probs[token];
      if (!base.is_valid(token) || !std::isfinite(difference)) continue;
      gain += difference / std::numbers::ln2;
      tokens += 1.0;
    }
    if (tokens > 0.0) values.push_back(gain / tokens * in_order.tokens[row]);
  }
  return values;
}

/// Whether a row that is run alone up to a token misses nothing but its future: a causal rule may also have
/// looked at other rows, or at how many tokens there are.
Expected<bool> prefixes_miss_the_future_alone(evidence::Observations& observations, const Trace& base) {
  const auto rules = observations.rules();
  if (!rules) return tl::unexpected(rules.error());
  for (std::size_t l = 0; l < rules->size(); ++l) {
    const auto rule = replay::make_identified((*rules)[l]);
    if (!rule) return false;
    const Dependence on = rule->dependence(base.layout, base.layers[l].experts);
    if (!on.future && (on.batch || on.length)) return false;
  }
  return true;
}

/// The model is causal where it was given nothing but prefixes.
Expected<void> gain_of_prefixes(evidence::Observations& observations, const Trace& base, SourcePaths& out) {
  for (const Intervention* run : observations.runs(Intervention::Kind::stream)) {
    if (run->base != observations.runs(Intervention::Kind::base).front()->id) continue;
    const auto trace = observations.trace(*run);
    if (!trace) return tl::unexpected(trace.error());
    const auto beyond = beyond_prefixes(base, *trace, out);
    if (beyond.empty()) continue;
    const double bits = out.log2_value() - stats::log2_mean(beyond);
    if (bits > out.causal.bits)
      out.causal = {bits, "the model itself, run with nothing after each token,", bits,
                    out.causal.against_source};
    const auto comparable = prefixes_miss_the_future_alone(observations, base);
    if (!comparable) return tl::unexpected(comparable.error());
    if (*comparable && beyond.size() > 1)
      out.beyond_prefixes = std::max(out.beyond_prefixes.value_or(0.0), stats::mean_exceeds(beyond));
  }
  return {};
}

}  // namespace

double SourcePaths::log2_value() const { return sum_of(log2_e); }

Expected<void> add_paths(const Trace& trace, const stats::TokenSource& source, SourcePaths& out) {
  if (auto sane = require_probabilities(trace); !sane) return sane;
  const PathBatch batch = follow(trace, source);
  const double predicted = sum_of(batch.tokens), gained = sum_of(batch.gains);
  if (predicted == 0.0) return {};
  out.supremum = std::max(out.supremum, out.log2_value() + batch.supremum);
  out.log2_e.push_back(stats::log2_mean(batch.values));
  out.gains.insert(out.gains.end(), batch.gains.begin(), batch.gains.end());
  out.tokens.insert(out.tokens.end(), batch.tokens.begin(), batch.tokens.end());
  const double total = out.predicted + predicted;
  out.loss_bits = (out.loss_bits * out.predicted + batch.source_bits - gained) / total;
  out.leak_bits = (out.leak_bits * out.predicted + gained) / total;
  out.predicted = total;
  return {};
}

Expected<SourcePaths> source_paths(evidence::Observations& observations, const Source& source) {
  std::vector<Expected<Trace>> traces{observations.base()};
  const auto fresh = observations.fresh_batches(floor_share);
  if (!fresh) return tl::unexpected(fresh.error());
  traces.resize(1 + *fresh);
  stats::parallel_for(*fresh, [&](std::size_t i) { traces[i + 1] = observations.fresh_losses(i); });
  SourcePaths out;
  stats::SourceFit fit;
  for (const auto& trace : traces) {
    if (!trace) return tl::unexpected(trace.error());
    const auto drawn = source_of_tokens(*trace, source, fit);
    if (!drawn) return tl::unexpected(drawn.error());
    out.entropy_bits = drawn->entropy_bits(trace->layout.positions);
    if (auto added = add_paths(*trace, *drawn, out); !added) return tl::unexpected(added.error());
  }
  out.causal = fit.gain();
  out.drawn = observations.subject().info().drawn_from == source;
  if (out.drawn) return out;
  if (auto added = gain_of_prefixes(observations, *traces.front(), out); !added)
    return tl::unexpected(added.error());
  return out;
}

}  // namespace pastonly::losses
