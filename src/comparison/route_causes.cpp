#include "comparison/route_causes.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>

#include "kernels/elementary.h"
#include "routing/identify/identify.h"

namespace pastonly::comparison {
namespace {

using Mask01 = std::vector<std::uint8_t>;

/// What is looked at of one token.
struct Token {
  std::vector<double> scores, logits;  // (experts); either may be empty
  Mask01 one, other;                   // (experts)
  bool same() const { return one == other; }
};

/// The first's tokens with both masks, spread evenly where there are many.
std::vector<Token> sample(const Alignment& alignment, const LayerRecord& first, const LayerRecord& second,
                          const LayerRecord& scored, bool scores_of_first) {
  constexpr std::uint64_t most = 8192;
  const std::uint64_t every = std::max<std::uint64_t>(1, alignment.tokens / most);
  std::vector<Token> out;
  std::vector<float> scratch;
  std::uint64_t count = 0;
  for (const Alignment::Stretch& stretch : alignment.stretches) {
    for (std::size_t s = 0; s < stretch.count; ++s) {
      if (count++ % every != 0) continue;
      Token token;
      const std::size_t place = scores_of_first ? stretch.first + s : stretch.second + s;
      const auto read = [&](const std::optional<TokenTensor>& tensor, std::vector<double>& values) {
        if (!tensor) return;
        const auto row = read_floats(*tensor, place, 1, scratch).row(0);
        values.assign(row.begin(), row.end());
      };
      read(scored.scores, token.scores);
      read(scored.logits, token.logits);
      token.one.resize(first.experts);
      token.other.resize(first.experts);
      read_mask(first, stretch.first + s, 1, token.one);
      read_mask(second, stretch.second + s, 1, token.other);
      out.push_back(std::move(token));
    }
  }
  return out;
}

/// The k highest, the lower index first among equals.
Mask01 best(const std::vector<double>& heights, std::size_t k) {
  std::vector<std::size_t> order(heights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return heights[a] > heights[b]; });
  Mask01 out(heights.size(), 0);
  for (std::size_t i = 0; i < std::min(k, order.size()); ++i) out[order[i]] = 1;
  return out;
}

std::size_t taken(const Mask01& mask) { return static_cast<std::size_t>(std::ranges::count(mask, 1)); }

/// How many experts most tokens take.
std::size_t usual(const std::vector<Token>& tokens, Mask01 Token::*mask) {
  std::vector<std::size_t> counts;
  for (const Token& token : tokens) {
    const std::size_t k = taken(token.*mask);
    if (k >= counts.size()) counts.resize(k + 1, 0);
    ++counts[k];
  }
  return counts.empty() ? 0 : static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin());
}

/// To nearest, ties to even.
double to_bf16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  const std::uint32_t up = bits + 0x7FFFU + ((bits >> 16U) & 1U);
  return static_cast<double>(std::bit_cast<float>(up & 0xFFFF0000U));
}

std::vector<double> sum(std::vector<double> values, std::span<const float> bias) {
  for (std::size_t e = 0; e < std::min(values.size(), bias.size()); ++e)
    values[e] += static_cast<double>(bias[e]);
  return values;
}

std::vector<double> softmax(const std::vector<double>& logits) {
  const double top = *std::ranges::max_element(logits);
  std::vector<double> out(logits);
  double total = 0.0;
  for (double& value : out) total += value = kernels::exp(value - top);
  for (double& value : out) value /= total;
  return out;
}

std::vector<double> sigmoid(const std::vector<double>& logits) {
  std::vector<double> out(logits);
  for (double& value : out) value = 1.0 / (1.0 + kernels::exp(-value));
  return out;
}

std::vector<double> rounded(std::vector<double> values) {
  for (double& value : values) value = to_bf16(value);
  return values;
}

using Route = std::function<Mask01(const Token&)>;

class Causes {
 public:
  Causes(std::vector<Token> tokens, std::span<const float> bias) : tokens_(std::move(tokens)), bias_(bias) {
    k_ = usual(tokens_, &Token::one);
    other_k_ = usual(tokens_, &Token::other);
    scored_ = !tokens_.empty() && (!tokens_.front().scores.empty() || !tokens_.front().logits.empty());
    different_ =
        static_cast<std::size_t>(std::ranges::count_if(tokens_, [](const Token& t) { return !t.same(); }));
  }

  /// Of fewer tokens anything may be said.
  static constexpr std::size_t least_different = 4;

  /// `same_scores`: the second selects from the scores that are recorded.
  std::optional<RouteCause> best_cause(bool same_scores) {
    if (different_ < least_different) return std::nullopt;
    if (scored_ && same_scores) try_selections();
    try_permutation();
    return best_;
  }

  void consider(RouteCause cause) {
    constexpr double least = 0.8, kept = 0.9;
    if (cause.explained < least || cause.agreed < kept) return;
    // Of what explains as much, what was tried first is plainer.
    constexpr double clearly = 0.01;
    if (!best_ || cause.explained > best_->explained + clearly) best_ = std::move(cause);
  }
  const std::optional<RouteCause>& found() const noexcept { return best_; }

 private:
  void attempt(const char* id, std::string message, const Route& route) {
    std::size_t explained = 0, agreed = 0;
    for (const Token& token : tokens_) {
      if (route(token) != token.other) continue;
      (token.same() ? agreed : explained) += 1;
    }
    const std::size_t same = tokens_.size() - different_;
    consider({id, std::move(message), static_cast<double>(explained) / static_cast<double>(different_),
              same == 0 ? 1.0 : static_cast<double>(agreed) / static_cast<double>(same)});
  }

  std::vector<double> heights(const Token& token) const {
    return sum(token.scores.empty() ? token.logits : token.scores, bias_);
  }

  void try_selections() {
    const std::size_t k = other_k_;
    // What both record, taken as it stands, comes first: of what explains as much the plainest is named.
    if (other_k_ == k_)
      attempt(
          "plain-top-k",
          bias_.empty()
              ? "selects the highest scores, which the first does not: groups, capacity or another condition"
              : "selects the highest scores with the bias, which the first does not: groups, capacity or "
                "another condition",
          [&](const Token& t) { return best(heights(t), k); });
    if (other_k_ != k_)
      attempt("other-k", fmt::format("takes {} experts per token where the first takes {}", other_k_, k_),
              [&](const Token& t) { return best(heights(t), k); });
    if (!bias_.empty()) {
      attempt("bias-missing", "selects without the bias",
              [&](const Token& t) { return best(t.scores.empty() ? t.logits : t.scores, k); });
      std::vector<float> coarse(bias_.begin(), bias_.end());
      for (float& value : coarse) value = static_cast<float>(to_bf16(static_cast<double>(value)));
      attempt("bias-in-bfloat16", "selects with the bias rounded to bfloat16",
              [&](const Token& t) { return best(sum(t.scores.empty() ? t.logits : t.scores, coarse), k); });
      std::vector<float> twice(bias_.begin(), bias_.end());
      for (float& value : twice) value *= 2.0F;
      attempt("bias-twice", "selects with the bias added twice",
              [&](const Token& t) { return best(sum(t.scores.empty() ? t.logits : t.scores, twice), k); });
    }
    if (!tokens_.front().logits.empty() && !bias_.empty()) {
      attempt("softmax-scores", "adds the bias to softmax scores",
              [&](const Token& t) { return best(sum(softmax(t.logits), bias_), k); });
      attempt("sigmoid-scores", "adds the bias to sigmoid scores",
              [&](const Token& t) { return best(sum(sigmoid(t.logits), bias_), k); });
      attempt("logits-as-scores", "adds the bias to logits",
              [&](const Token& t) { return best(sum(t.logits, bias_), k); });
    }
    attempt("scores-in-bfloat16", "selects by scores rounded to bfloat16",
            [&](const Token& t) { return best(rounded(heights(t)), k); });
  }

  /// The expert of the second that each expert of the first meets most often.
  void try_permutation() {
    constexpr std::size_t most_experts = 4096;  // counts of pairs
    const std::size_t experts = tokens_.front().one.size();
    if (experts > most_experts) return;
    std::vector<std::size_t> met(experts * experts, 0);
    for (const Token& token : tokens_) {
      for (std::size_t e = 0; e < experts; ++e) {
        for (std::size_t f = 0; token.one[e] != 0 && f < experts; ++f) met[e * experts + f] += token.other[f];
      }
    }
    std::vector<std::size_t> to(experts);
    Mask01 used(experts, 0);
    std::size_t moved = 0;
    for (std::size_t e = 0; e < experts; ++e) {
      const auto* row = &met[e * experts];
      to[e] = static_cast<std::size_t>(std::max_element(row, row + experts) - row);
      if (row[to[e]] == 0) to[e] = e;
      if (used[to[e]]++ != 0) return;
      moved += to[e] != e ? 1 : 0;
    }
    if (moved == 0) return;
    std::string example;
    for (std::size_t e = 0, shown = 0; e < experts && shown < 4; ++e) {
      if (to[e] == e) continue;
      example += fmt::format("{}{} is {}", shown++ > 0 ? ", " : "", e, to[e]);
    }
    attempt("permuted-experts",
            fmt::format("numbers its experts otherwise ({}{}): physical instead of logical ids, or experts "
                        "in another order",
                        example, moved > 4 ? ", ..." : ""),
            [&](const Token& token) {
              Mask01 out(experts, 0);
              for (std::size_t e = 0; e < experts; ++e) out[to[e]] = token.one[e];
              return out;
            });
  }

  std::vector<Token> tokens_;
  std::span<const float> bias_;
  std::size_t k_ = 0, other_k_ = 0, different_ = 0;
  bool scored_ = false;
  std::optional<RouteCause> best_;
};

/// A rule with its parameters, as people read it.
std::string words(const LayerFacts::Rule& rule) {
  std::string out = *rule.id;
  if (const auto* parameters = rule.parameters.object()) {
    for (const auto& [key, value] : *parameters) {
      if (const auto* text = value.text())
        out += fmt::format(" {}={}", key, *text);
      else if (const auto whole = value.integer())
        out += fmt::format(" {}={}", key, *whole);
    }
  }
  return out;
}

/// The rules that explain every decision of both on the same scores, where they differ.
std::optional<RouteCause> other_rule(const Trace& first, const Trace& second, const Alignment& alignment,
                                     const LayerRecord& one, const LayerRecord& other) {
  const bool same_places = alignment.found.empty() && first.layout.sequences == second.layout.sequences &&
                           first.layout.positions == second.layout.positions;
  if (!same_places || one.ranking() == nullptr) return std::nullopt;
  LayerRecord mixed = other;  // the second's decisions of the first's scores
  mixed.scores = one.scores;
  mixed.logits = one.logits;
  mixed.bias = one.bias;
  mixed.gates.reset();
  const auto rule_of = [&](const Trace& trace, const LayerRecord& layer) {
    const routing::LayerRun run{0,      first.layout, first.order_known && second.order_known,
                                &layer, trace.tokens, trace.valid};
    return routing::identify({&run, 1}).rule;
  };
  LayerRecord own = one;
  own.gates.reset();
  const auto rule = rule_of(first, own), found = rule_of(second, mixed);
  // A rule with free parameters may be fitted to noise, and one that draws explains anything.
  const bool fitted = found.parameters.find("fit") != nullptr;
  const RuleInfo* const info = found.id ? find_rule(*found.id) : nullptr;
  const bool draws = info == nullptr || info->usual.random;
  if (!found.id || fitted || draws || (rule.id && words(rule) == words(found))) return std::nullopt;
  return RouteCause{"other-rule",
                    rule.id ? fmt::format("routes by {}, the first by {}", words(found), words(rule))
                            : fmt::format("routes by {}", words(found)),
                    1.0, 1.0};
}

}  // namespace

std::optional<RouteCause> route_cause(const Trace& first, const Trace& second, const Alignment& alignment,
                                      std::size_t pair, bool same_scores) {
  const auto& [one, other] = alignment.layers[pair];
  const bool of_first = one->ranking() != nullptr;
  const LayerRecord& scored = of_first ? *one : *other;
  Causes causes(sample(alignment, *one, *other, scored, of_first), scored.bias);
  auto best = causes.best_cause(same_scores);
  constexpr double complete = 0.999;
  if (best && best->explained >= complete) return best;
  if (!same_scores) return best;
  if (auto rule = other_rule(first, second, alignment, *one, *other)) return rule;
  return best;
}

}  // namespace pastonly::comparison
