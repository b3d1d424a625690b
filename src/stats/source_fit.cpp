#include "stats/source_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/elementary.h"
#include "pastonly/layout.h"
#include "stats/e_process.h"

namespace pastonly::stats {
namespace {

/// Which of the tokens before make a context: from `first` before to `last` before, 1 being the last.
struct Context {
  std::size_t first, last;
  const char* name;
};
constexpr std::array contexts{Context{1, 0, "how often each token came"},
                              Context{1, 1, "what followed the last token"},
                              Context{1, 2, "what followed the last two tokens"},
                              Context{1, 3, "what followed the last three tokens"},
                              Context{1, 8, "what followed the last eight tokens"},
                              Context{2, 2, "what came two after a token"},
                              Context{3, 3, "what came three after a token"}};
constexpr std::size_t urn_kinds = contexts.size() + 1;  // and the position
constexpr std::array urn_weights{1.0, 8.0, 64.0, 512.0};
constexpr std::size_t most_lag = 8, events = most_lag + 1;
constexpr std::array tilt_factors{1.0 / 64.0, 0.25, 0.5, 2.0, 4.0, 64.0};

/// Of a sequence of numbers, one by one: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash += 0x9E3779B97F4A7C15ULL + value;
  hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ hash >> 27) * 0x94D049BB133111EBULL;
  return hash ^ hash >> 31;
}

std::string urn_name(std::size_t urn) {
  return urn < contexts.size() ? contexts.at(urn).name : "what came at a position of the row";
}

std::string event_name(std::size_t event) {
  if (event == most_lag) return "whether the row has had the token before";
  return fmt::format("whether the token of {} before comes again", event + 1);
}

}  // namespace

SourceFit::SourceFit() : urns_(urn_kinds * urn_weights.size()), tilts_(events * tilt_factors.size()) {}

void SourceFit::add(const TokenSource& source, std::span<const std::int64_t> tokens,
                    std::span<const std::uint8_t> valid, std::size_t positions) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < tokens.size() && learned_ < most_tokens; ++i) {
    const bool counts = is_valid(valid, i);
    if (i % positions == 0 || !counts) {
      begin = counts ? i : i + 1;
      had_.clear();
    }
    if (counts) {
      learn(source, tokens.subspan(begin, i - begin), tokens[i], i % positions);
      ++learned_;
    }
    if ((i + 1) % positions == 0) supremum_ = std::max(supremum_, log2_e());
  }
}

void SourceFit::learn(const TokenSource& source, std::span<const std::int64_t> past, std::int64_t token,
                      std::size_t position) {
  draw_from_urns(past, token, position, kernels::exp2(source.log2_probability(past, token)));
  for (std::size_t lag = 1; lag <= std::min(most_lag, past.size()); ++lag) {
    const std::int64_t before = past[past.size() - lag];
    tilt(lag - 1, token == before, kernels::exp2(source.log2_probability(past, before)));
  }
  tilt(most_lag, had_.contains(token), source.probability_of_any(past, had_));
  had_.insert(token);
}

void SourceFit::draw_from_urns(std::span<const std::int64_t> past, std::int64_t token, std::size_t position,
                               double p) {
  for (std::size_t urn = 0; urn < urn_kinds; ++urn) {
    std::uint64_t key = mixed(1, urn);
    if (urn == contexts.size()) {
      key = mixed(key, position);
    } else {
      const Context& context = contexts.at(urn);
      if (past.size() < context.last) continue;
      for (std::size_t k = context.first; k <= context.last; ++k) {
        key = mixed(key, static_cast<std::uint64_t>(past[past.size() - k]));
      }
    }
    std::uint32_t& all = counts_[key];  // stays in place
    std::uint32_t& same = counts_[mixed(key, static_cast<std::uint64_t>(token) + 1)];
    for (std::size_t w = 0; w < urn_weights.size(); ++w) {
      const double weight = urn_weights.at(w);
      urns_[urn * urn_weights.size() + w] += kernels::log2((same / p + weight) / (all + weight));
    }
    ++same;
    ++all;
  }
}

void SourceFit::tilt(std::size_t event, bool inside, double probability) {
  for (std::size_t f = 0; f < tilt_factors.size(); ++f) {
    const double factor = tilt_factors.at(f);
    tilts_[event * tilt_factors.size() + f] +=
        kernels::log2((inside ? factor : 1.0) / (1.0 + (factor - 1.0) * probability));
  }
}

SourceFit::Gain SourceFit::gain() const {
  Gain out;
  out.bits = std::max(0.0, log2_e());
  out.against_source = supremum_;
  const auto urn = std::ranges::max_element(urns_), tilted = std::ranges::max_element(tilts_);
  out.predictor_bits = std::max({0.0, *urn, *tilted});
  if (out.predictor_bits == 0.0) return out;
  out.predictor = *urn >= *tilted
                      ? urn_name(static_cast<std::size_t>(urn - urns_.begin()) / urn_weights.size())
                      : event_name(static_cast<std::size_t>(tilted - tilts_.begin()) / tilt_factors.size());
  return out;
}

double SourceFit::log2_e() const {
  std::vector<double> all = urns_;
  all.insert(all.end(), tilts_.begin(), tilts_.end());
  return log2_mean(all);
}

}  // namespace pastonly::stats
