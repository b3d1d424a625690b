#include "stats/token_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/elementary.h"
#include "pastonly/layout.h"

namespace pastonly::stats {
namespace {

constexpr std::uint64_t largest_table = std::uint64_t{1} << 24;
constexpr double never_reached = -std::numeric_limits<double>::infinity();
// Rows of tokens are streams 0, 1, ... of the draw's seed. The table's streams stand apart: the two seeds
// may be equal.
constexpr std::uint64_t permutation_streams = std::uint64_t{1} << 40;
constexpr std::uint64_t weight_streams = std::uint64_t{1} << 41;

/// vocab^order * successors, or nothing beyond the largest table.
bool table_fits(const Source& source) {
  std::uint64_t entries = source.successors;
  for (std::uint64_t i = 0; i < source.order; ++i) {
    if (source.vocab > largest_table / entries) return false;
    entries *= source.vocab;
  }
  return entries <= largest_table;
}

/// "" or what is wrong with a Markov chain's shape.
std::string markov_problem(const Source& source) {
  if (source.order < 1 || source.order > 3) return fmt::format("order {} is not 1, 2 or 3", source.order);
  if (source.successors < 1 || source.successors > source.vocab) {
    return fmt::format("successors {} is not between 1 and the vocabulary's {}", source.successors,
                       source.vocab);
  }
  if (!table_fits(source)) {
    return fmt::format("vocab {} at order {} with {} successors needs a table of more than {} entries",
                       source.vocab, source.order, source.successors, largest_table);
  }
  return "";
}

std::string problem(const Source& source) {
  if (source.kind != "uniform" && source.kind != "markov") {
    return fmt::format("kind '{}' is not uniform or markov", source.kind);
  }
  if (source.vocab < 2 || source.vocab >> 32 != 0) {
    return fmt::format("vocab {} is not at least 2 and below 2^32", source.vocab);
  }
  if (source.kind == "markov") return markov_problem(source);
  if (source.order != 0 || source.successors != 0 || source.seed != 0) {
    return "a uniform source has a vocabulary and nothing else";
  }
  return "";
}

}  // namespace

Expected<void> validate(const Source& source) {
  if (const auto why = problem(source); !why.empty()) return usage_error("source: " + why);
  return {};
}

Expected<TokenSource> TokenSource::make(const Source& source) {
  if (const auto sound = validate(source); !sound) return tl::unexpected(sound.error());
  return TokenSource(source);
}

TokenSource::TokenSource(const Source& source) : source_(source) {
  if (source.kind == "markov") {
    build_table();
  } else {
    rate_ = kernels::log2(static_cast<double>(source.vocab));
  }
}

void TokenSource::build_table() {
  const auto vocab = static_cast<std::size_t>(source_.vocab);
  const auto width = static_cast<std::size_t>(source_.successors);
  for (std::uint64_t i = 1; i < source_.order; ++i) groups_ *= vocab;
  successors_.resize(groups_ * vocab * width);
  weights_.resize(groups_ * width);
  std::vector<std::uint32_t> permutation(vocab);
  for (std::size_t group = 0; group < groups_; ++group) {
    const auto weights = std::span(weights_).subspan(group * width, width);
    CounterRng rng(source_.seed, weight_streams + group);
    for (double& weight : weights) weight = -kernels::log(1.0 - rng.uniform());
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight = sum > 0.0 ? weight / sum : 1.0 / static_cast<double>(width);
    for (std::size_t j = 0; j < width; ++j) {
      CounterRng shuffler(source_.seed, permutation_streams + group * width + j);
      std::iota(permutation.begin(), permutation.end(), 0U);
      for (std::size_t i = vocab; i > 1; --i) std::swap(permutation[i - 1], permutation[shuffler.below(i)]);
      for (std::size_t x = 0; x < vocab; ++x) successors_[(group * vocab + x) * width + j] = permutation[x];
    }
  }
  double sum = 0.0;
  for (std::size_t context = 0; context < groups_ * vocab; ++context) sum += row_entropy(context);
  rate_ = sum / static_cast<double>(groups_ * vocab);
}

double TokenSource::row_entropy(std::size_t context) const {
  const auto width = static_cast<std::size_t>(source_.successors);
  const auto* next = successors_.data() + context * width;
  const auto* weights = weights_.data() + context / source_.vocab * width;
  // Two permutations may send a context to the same token: their weights add up.
  std::vector<std::pair<std::uint32_t, double>> row(width);
  for (std::size_t j = 0; j < width; ++j) row[j] = {next[j], weights[j]};
  std::sort(row.begin(), row.end());
  double entropy = 0.0;
  for (std::size_t j = 0; j < width;) {
    double p = 0.0;
    const auto token = row[j].first;
    for (; j < width && row[j].first == token; ++j) p += row[j].second;
    if (p > 0.0) entropy -= p * kernels::log2(p);
  }
  return entropy;
}

double TokenSource::entropy_bits(std::size_t positions) const noexcept {
  if (positions < 2 || source_.order < 2) return rate_;
  const std::size_t predicted = positions - 1;
  const std::size_t short_pasts = std::min(predicted, order() - 1);
  const double whole = kernels::log2(static_cast<double>(source_.vocab));
  return (static_cast<double>(short_pasts) * whole + static_cast<double>(predicted - short_pasts) * rate_) /
         static_cast<double>(predicted);
}

bool TokenSource::context_of(std::span<const std::int64_t> past, std::size_t& context) const noexcept {
  if (source_.order == 0 || past.size() < order()) return false;
  context = 0;
  for (std::size_t i = past.size(); i-- > past.size() - order();) {
    if (past[i] < 0 || static_cast<std::uint64_t>(past[i]) >= source_.vocab) return false;
    context = context * static_cast<std::size_t>(source_.vocab) + static_cast<std::size_t>(past[i]);
  }
  return true;
}

void TokenSource::draw(std::uint64_t seed, std::size_t sequences, std::size_t positions,
                       std::vector<std::int64_t>& out) const {
  out.resize(sequences * positions);
  for (std::size_t row = 0; row < sequences; ++row) {
    CounterRng rng(seed, row);
    extend(rng, std::span(out).subspan(row * positions, positions), 0);
  }
}

void TokenSource::extend(CounterRng& rng, std::span<std::int64_t> row, std::size_t from) const {
  const auto width = static_cast<std::size_t>(source_.successors);
  for (std::size_t i = from; i < row.size(); ++i) {
    std::size_t context = 0;
    if (!context_of(row.first(i), context)) {
      row[i] = static_cast<std::int64_t>(rng.below(source_.vocab));
      continue;
    }
    const auto* weights = weights_.data() + context / source_.vocab * width;
    double left = rng.uniform();
    std::size_t j = 0;
    while (j + 1 < width && left >= weights[j]) left -= weights[j++];
    row[i] = successors_[context * width + j];
  }
}

double TokenSource::log2_probability(std::span<const std::int64_t> past, std::int64_t next) const noexcept {
  if (next < 0 || static_cast<std::uint64_t>(next) >= source_.vocab) return never_reached;
  std::size_t context = 0;
  if (!context_of(past, context)) return -kernels::log2(static_cast<double>(source_.vocab));
  const auto width = static_cast<std::size_t>(source_.successors);
  const auto* weights = weights_.data() + context / source_.vocab * width;
  double p = 0.0;
  for (std::size_t j = 0; j < width; ++j) {
    if (successors_[context * width + j] == static_cast<std::uint32_t>(next)) p += weights[j];
  }
  return p > 0.0 ? kernels::log2(p) : never_reached;
}

void TokenSource::log2_probabilities(std::span<const std::int64_t> tokens,
                                     std::span<const std::uint8_t> valid, std::size_t positions,
                                     std::span<double> out) const {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i % positions == 0) begin = i;
    if (!is_valid(valid, i)) {
      out[i] = 0.0;
      begin = i + 1;
      continue;
    }
    out[i] = log2_probability(tokens.subspan(begin, i - begin), tokens[i]);
  }
}

double TokenSource::probability_of_any(std::span<const std::int64_t> past,
                                       const std::unordered_set<std::int64_t>& words) const {
  std::size_t context = 0;
  if (!context_of(past, context)) {
    return static_cast<double>(words.size()) / static_cast<double>(source_.vocab);
  }
  const auto width = static_cast<std::size_t>(source_.successors);
  const auto* weights = weights_.data() + context / source_.vocab * width;
  double p = 0.0;
  for (std::size_t j = 0; j < width; ++j) {
    if (words.contains(static_cast<std::int64_t>(successors_[context * width + j]))) p += weights[j];
  }
  return std::min(p, 1.0);
}

void TokenSource::class_probabilities(std::span<const std::int64_t> past, std::span<double> classes) const {
  std::size_t context = 0;
  if (context_of(past, context)) {
    std::fill(classes.begin(), classes.end(), 0.0);
    const auto width = static_cast<std::size_t>(source_.successors);
    const auto* weights = weights_.data() + context / source_.vocab * width;
    for (std::size_t j = 0; j < width; ++j) {
      classes[successors_[context * width + j] % classes.size()] += weights[j];
    }
    return;
  }
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const std::uint64_t members =
        source_.vocab / classes.size() + (c < source_.vocab % classes.size() ? 1 : 0);
    classes[c] = static_cast<double>(members) / static_cast<double>(source_.vocab);
  }
}

}  // namespace pastonly::stats
