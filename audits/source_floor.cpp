#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "checks.h"
#include "pastonly/policy.h"
#include "stats/bootstrap.h"
#include "stats/e_process.h"
#include "subject/evidence.h"
#include "subject/source.h"

namespace pastonly {
namespace {

struct Paths {
  std::vector<double> log2_e;         // (rows) final values
  std::vector<double> gains, tokens;  // (rows) bits gained on the source, tokens predicted
  double loss_bits = 0.0;             ///< mean over predicted tokens
  double leak_bits = 0.0;             ///< mean gain: the source's own loss on these tokens - loss_bits
  double predicted = 0.0;
  double supremum = 0.0;  ///< log2 of the largest running average over the rows
};

bool counts(const Trace& trace, std::size_t row, std::size_t position) {
  return trace.valid.empty() || trace.valid[trace.layout.token(row, position)] != 0;
}

/// Positions at which nothing was predicted for any row: the first, and what an engine does not record.
std::vector<bool> unpredicted(const Trace& trace) {
  std::vector<bool> none(trace.layout.positions, true);
  for (std::size_t row = 0; row < trace.layout.sequences; ++row) {
    for (std::size_t s = 0; s < trace.layout.positions; ++s) {
      if (counts(trace, row, s) && !std::isnan(trace.log_probs[trace.layout.token(row, s)])) none[s] = false;
    }
  }
  if (!none.empty()) none[0] = true;  // has no past to be predicted from
  return none;
}

/// Each row is a path; the average over rows runs along with the positions.
Paths follow(const Trace& trace, const stats::TokenSource& source) {
  Paths paths;
  const std::vector<double> log2_p = source_log2_probabilities(trace, source);
  const std::vector<bool> skip = unpredicted(trace);
  const std::size_t rows = trace.layout.sequences;
  std::vector<stats::EProcess> processes(rows);
  paths.gains.assign(rows, 0.0);
  paths.tokens.assign(rows, 0.0);
  std::vector<double> running(rows, 0.0);
  double source_bits = 0.0;
  for (std::size_t s = 0; s < trace.layout.positions; ++s) {
    if (skip[s]) continue;
    for (std::size_t row = 0; row < rows; ++row) {
      if (!counts(trace, row, s)) continue;
      const std::size_t token = trace.layout.token(row, s);
      const double gain = trace.log_probs[token] / std::numbers::ln2 - log2_p[token];
      source_bits -= log2_p[token];
      processes[row].observe(gain);
      running[row] = processes[row].log2_value();
      paths.gains[row] += gain;
      paths.tokens[row] += 1.0;
    }
    paths.supremum = std::max(paths.supremum, stats::log2_mean(running));
  }
  double gained = 0.0;
  for (std::size_t row = 0; row < rows; ++row) {
    paths.log2_e.push_back(processes[row].log2_value());
    gained += paths.gains[row];
    paths.predicted += paths.tokens[row];
  }
  paths.leak_bits = gained / std::max(1.0, paths.predicted);
  paths.loss_bits = (source_bits - gained) / std::max(1.0, paths.predicted);
  return paths;
}

/// A probability above 1 breaks what the test rests on.
Expected<void> require_probabilities(const Trace& trace) {
  constexpr double rounding = 1e-5;
  for (std::size_t i = 0; i < trace.log_probs.size(); ++i) {
    if (!(trace.log_probs[i] > rounding)) continue;
    return input_error(
        fmt::format("{}: logprobs: {:g} at row {}, position {} is no log-probability (above 0)", trace.path,
                    trace.log_probs[i], i / trace.layout.positions, i % trace.layout.positions));
  }
  return {};
}

Claim floor_claim(const Pass& pass, const Paths& paths, double entropy, double log2_e) {
  Claim claim;
  claim.id = "below-entropy";
  claim.basis = Claim::Basis::statistical;
  claim.p_value = stats::p_value_of(log2_e);
  // What luck at this level cannot explain, over all tokens: positive exactly where the e-value rejects.
  Measurement leak{"leak_bits", paths.leak_bits, {}, {}, "bits per token", {}, {}};
  leak.samples = static_cast<std::uint64_t>(paths.predicted);
  leak.lower = (log2_e - std::log2(1.0 / pass.policy.alpha)) / paths.predicted;
  leak.value = std::max(leak.value, *leak.lower);
  if (std::isfinite(leak.value) && std::isfinite(*leak.lower)) claim.amount = std::move(leak);
  claim.message = fmt::format(
      "loss {:.3f} bits per token on a source of entropy {:.3f}; averaged over {} sequences the likelihood "
      "ratio to the source is 2^{:.1f}, which a causal model reaches with probability 2^-{:.1f} at most "
      "(taking its probabilities to sum to at most 1)",
      paths.loss_bits, entropy, paths.log2_e.size(), log2_e, std::max(0.0, log2_e));
  claim.witness.set("type", "e-value");
  claim.witness.set("run", pass.evidence.runs(Intervention::Kind::base).front()->id);
  claim.witness.set("source", name(*pass.policy.source));
  if (std::isfinite(paths.loss_bits)) claim.witness.set("loss_bits", paths.loss_bits);
  if (std::isfinite(log2_e)) claim.witness.set("log2_e_value", log2_e);
  claim.help =
      "The model reads its targets from somewhere. The interventional checks (causal-mask) say where; a "
      "model that passes them all leaks below the router.";
  return claim;
}

Outcome run_source_floor(const Pass& pass) {
  const auto trace = pass.evidence.base();
  if (!trace) return trace.error();
  const auto source = source_of_tokens(*trace, *pass.policy.source);
  if (!source) return source.error();
  if (const auto sane = require_probabilities(*trace); !sane) return sane.error();
  const double entropy = source->entropy_bits(trace->layout.positions);
  const Paths paths = follow(*trace, *source);
  if (paths.predicted == 0.0) return Skipped{"no position holds a log-probability"};
  const double log2_e = stats::log2_mean(paths.log2_e);
  const auto samples = static_cast<std::uint64_t>(paths.predicted);
  Ran ran;
  const auto add = [&](std::string name, double value, std::string unit) {
    if (!std::isfinite(value)) return;
    ran.measurements.push_back({std::move(name), value, {}, {}, std::move(unit), samples, {}});
  };
  add("loss_bits", paths.loss_bits, "bits per token");
  add("source_entropy", entropy, "bits per token");
  add("log2_e_value", log2_e, "bits");
  add("log2_e_supremum", paths.supremum, "bits");
  Measurement leak{"leak_bits", paths.leak_bits, {}, {}, "bits per token", samples, {}};
  if (const auto interval = stats::bootstrap_ratio(paths.gains, paths.tokens,
                                                   {.alpha = pass.policy.alpha, .seed = pass.seed})) {
    leak.lower = interval->lower;
    leak.upper = interval->upper;
  }
  if (std::isfinite(leak.value)) ran.measurements.push_back(leak);
  ran.claims.push_back(floor_claim(pass, paths, entropy, log2_e));
  return ran;
}

}  // namespace

const Check source_floor_check{
    "source-floor",
    "Loss below the entropy of a known source",
    "On tokens drawn from a source whose probabilities are known, no causal model can do better than the "
    "source. The likelihood ratio of every sequence is an e-process; their average over the batch bounds the "
    "probability of such a loss under causality. That the recorded probabilities sum to at most 1 over the "
    "vocabulary is assumed. No finding does not mean causal: a model that never learned to read a leak shows "
    "none.",
    {.log_probs = true, .tokens = true, .source = true},
    run_source_floor};

}  // namespace pastonly
