#include "comparison/gate_agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "comparison/by_sequence.h"
#include "pastonly/names.h"

namespace pastonly::comparison {
namespace {

bool is_half(const std::optional<DType>& type) { return type == DType::bf16 || type == DType::f16; }

/// One token that both route alike: gates of the experts taken, and what each side scored them.
struct Gates {
  std::vector<double> one, other, scores, logits, bias;  // (experts taken); the last three may be empty
};

double sum_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum;
}

/// Whether two lists are equal within `tolerance` of the larger's largest.
bool equal(const std::vector<double>& one, const std::vector<double>& other, double tolerance) {
  double largest = 0.0, difference = 0.0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    largest = std::max({largest, std::abs(one[i]), std::abs(other[i])});
    difference = std::max(difference, std::abs(one[i] - other[i]));
  }
  return difference <= tolerance * largest;
}

std::vector<double> times(const std::vector<double>& values, double factor) {
  std::vector<double> out(values);
  for (double& value : out) value *= factor;
  return out;
}

std::vector<double> normalised(const std::vector<double>& values) {
  const double sum = sum_of(values);
  return sum != 0.0 ? times(values, 1.0 / sum) : values;
}

/// A sample of tokens, and what of the one makes the other.
class Formulas {
 public:
  Formulas(std::vector<Gates> tokens, double tolerance) : tokens_(std::move(tokens)), tolerance_(tolerance) {}

  std::string find() const {
    if (tokens_.empty()) return "";
    if (const auto factor = constant(&Gates::one, &Gates::other))
      return fmt::format("{:.4g} times the first's", *factor);
    const auto of = [](auto member) {
      return [member](const Gates& token) { return normalised(token.*member); };
    };
    if (const std::string scale = scaled(&Gates::other, of(&Gates::one)); !scale.empty())
      return "the first's divided by their sum" + scale;
    if (const std::string scale = scaled(&Gates::one, of(&Gates::other)); !scale.empty())
      return "not divided by their sum, as the first's are" + scale;
    const auto plus_bias = [](const Gates& token) {
      std::vector<double> out(token.scores);
      for (std::size_t i = 0; i < std::min(out.size(), token.bias.size()); ++i) out[i] += token.bias[i];
      return out;
    };
    const bool biased = !tokens_.front().bias.empty();
    for (const bool divided : {false, true}) {
      const std::string tail = divided ? ", divided by their sum" : "";
      const auto shaped = [&](auto make) {
        return
            [make, divided](const Gates& token) { return divided ? normalised(make(token)) : make(token); };
      };
      if (!tokens_.front().logits.empty() &&
          !scaled(&Gates::other, shaped([](const Gates& t) { return t.logits; })).empty())
        return "the router's logits" + tail;
      if (biased && !scaled(&Gates::other, shaped(plus_bias)).empty())
        return "scores with the selection bias" + tail;
      if (!scaled(&Gates::other, shaped([](const Gates& t) { return t.scores; })).empty())
        return "the router's scores" + tail;
    }
    return "";
  }

 private:
  using Member = std::vector<double> Gates::*;

  bool holds(const std::function<bool(const Gates&)>& formula) const {
    const auto met = std::ranges::count_if(tokens_, formula);
    return static_cast<double>(met) >= 0.99 * static_cast<double>(tokens_.size());
  }

  /// One factor that turns the one into the other at every token; not 1.
  std::optional<double> constant(Member one, Member other) const {
    std::vector<double> ratios;
    for (const Gates& token : tokens_) {
      const double sum = sum_of(token.*one);
      if (sum != 0.0) ratios.push_back(sum_of(token.*other) / sum);
    }
    if (ratios.empty()) return std::nullopt;
    const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
    std::ranges::nth_element(ratios, middle);
    const double factor = *middle;
    if (!holds(
            [&](const Gates& token) { return equal(times(token.*one, factor), token.*other, tolerance_); }))
      return std::nullopt;
    return factor;
  }

  /// "" where `made` is not the member times one factor; " times 2.5" where it is.
  std::string scaled(Member member, const std::function<std::vector<double>(const Gates&)>& make) const {
    std::vector<Gates> both;
    for (const Gates& token : tokens_) {
      Gates pair;
      pair.one = make(token);
      pair.other = token.*member;
      if (pair.one.size() != pair.other.size() || pair.one.empty()) return "";
      both.push_back(std::move(pair));
    }
    const auto factor = Formulas(std::move(both), tolerance_).constant(&Gates::one, &Gates::other);
    if (!factor) return "";
    return std::abs(*factor - 1.0) <= tolerance_ ? ", exactly" : fmt::format(", times {:.4g}", *factor);
  }

  std::vector<Gates> tokens_;
  double tolerance_;
};

class GateComparer {
 public:
  GateComparer(const Trace& first, const Trace& second, const LayerRecord& one, const LayerRecord& other)
      : one_(one),
        other_(other),
        tolerance_(rounding_between(first, second)),
        positions_(first.layout.positions),
        difference_(first.layout.sequences) {}

  GateAgreement run(const Alignment& alignment, double alpha, std::uint64_t seed) {
    for (const Alignment::Stretch& stretch : alignment.stretches) add(stretch);
    GateAgreement out;
    out.index = one_.index;
    out.tokens = tokens_;
    if (tokens_ == 0) return out;
    out.difference =
        difference_.measurement(measurement::gate_difference, "of the largest gate", one_.index, alpha, seed);
    out.difference.samples = tokens_;
    out.differing = {measurement::differing_gates,
                     static_cast<double>(differing_) / static_cast<double>(tokens_),
                     {},
                     {},
                     "fraction of tokens",
                     tokens_,
                     one_.index};
    out.first = place_[0];
    out.second = place_[1];
    if (differing_ > 0) out.formula = Formulas(std::move(sample_), tolerance_).find();
    return out;
  }

 private:
  void add(const Alignment::Stretch& stretch) {
    const std::size_t experts = one_.experts;
    for (std::size_t part = 0; part < 2; ++part) {
      gates_[part].resize(stretch.count * experts);
      masks_[part].resize(stretch.count * experts);
      const LayerRecord& layer = part == 0 ? one_ : other_;
      const std::size_t token = part == 0 ? stretch.first : stretch.second;
      read_gates(layer, token, stretch.count, gates_[part]);
      read_mask(layer, token, stretch.count, masks_[part]);
    }
    for (std::size_t s = 0; s < stretch.count; ++s) {
      const std::span<const std::uint8_t> mask(masks_[0].data() + s * experts, experts);
      if (!std::ranges::equal(mask, std::span<const std::uint8_t>(masks_[1].data() + s * experts, experts)))
        continue;
      compare(stretch.first + s, stretch.second + s, mask, s * experts);
    }
  }

  void compare(std::size_t token, std::size_t other, std::span<const std::uint8_t> mask, std::size_t at) {
    Gates gates;
    for (std::size_t e = 0; e < mask.size(); ++e) {
      if (mask[e] == 0) continue;
      gates.one.push_back(static_cast<double>(gates_[0][at + e]));
      gates.other.push_back(static_cast<double>(gates_[1][at + e]));
    }
    if (gates.one.empty()) return;
    double largest = 0.0, difference = 0.0;
    bool finite = true;
    for (std::size_t i = 0; i < gates.one.size(); ++i) {
      largest = std::max({largest, std::abs(gates.one[i]), std::abs(gates.other[i])});
      difference = std::max(difference, std::abs(gates.one[i] - gates.other[i]));
      finite = finite && std::isfinite(gates.one[i]) && std::isfinite(gates.other[i]);
    }
    // A gate that is no number differs from any, by all of it.
    const double relative = !finite ? 1.0 : largest > 0.0 ? difference / largest : 0.0;
    difference_.add(token / positions_, relative, 1.0);
    ++tokens_;
    if (relative <= tolerance_) return;
    if (differing_++ == 0) place_ = {token, other};
    constexpr std::size_t most = 512;
    if (finite && sample_.size() < most) {
      add_scores(token, mask, gates);
      sample_.push_back(std::move(gates));
    }
  }

  void add_scores(std::size_t token, std::span<const std::uint8_t> mask, Gates& gates) {
    const auto taken = [&](const std::optional<TokenTensor>& tensor, std::vector<double>& out) {
      if (!tensor) return;
      const auto row = read_floats(*tensor, token, 1, scratch_).row(0);
      for (std::size_t e = 0; e < mask.size(); ++e) {
        if (mask[e] != 0) out.push_back(static_cast<double>(row[e]));
      }
    };
    taken(one_.scores, gates.scores);
    taken(one_.logits, gates.logits);
    if (one_.bias.size() != mask.size() || !one_.scores) return;
    for (std::size_t e = 0; e < mask.size(); ++e) {
      if (mask[e] != 0) gates.bias.push_back(static_cast<double>(one_.bias[e]));
    }
  }

  const LayerRecord& one_;
  const LayerRecord& other_;
  double tolerance_;
  std::vector<float> gates_[2], scratch_;
  std::vector<std::uint8_t> masks_[2];
  std::vector<Gates> sample_;
  std::uint64_t tokens_ = 0, differing_ = 0;
  std::size_t positions_;
  BySequence difference_;
  std::array<std::size_t, 2> place_{};
};

}  // namespace

double rounding_between(const Trace& first, const Trace& second) {
  constexpr double wide = 1e-4;
  const bool bf16 = first.compute == DType::bf16 || second.compute == DType::bf16;
  if (bf16) return 4.0 * 0x1p-8;
  return is_half(first.compute) || is_half(second.compute) ? 4.0 * 0x1p-11 : wide;
}

std::optional<GateAgreement> gate_agreement(const Trace& first, const Trace& second,
                                            const Alignment& alignment, std::size_t pair, double alpha,
                                            std::uint64_t seed) {
  const auto& [one, other] = alignment.layers[pair];
  if (!one->gates || !other->gates) return std::nullopt;
  auto found = GateComparer(first, second, *one, *other).run(alignment, alpha, seed);
  if (found.tokens == 0) return std::nullopt;
  return found;
}

}  // namespace pastonly::comparison
