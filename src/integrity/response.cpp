#include "integrity/response.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace pastonly::integrity {
namespace {

constexpr std::size_t fewest_scored = 4, fewest_masked = 32;

/// What a layer recorded of one token.
class TokenReader {
 public:
  explicit TokenReader(const LayerRecord& layer) : layer_(layer), mask_(layer.experts) {
    if (layer.gates) gates_.resize(layer.experts);
  }
  /// Scores, gates and mask in one array.
  const std::vector<float>& read(std::size_t token) {
    read_mask(layer_, token, 1, mask_);
    all_.assign(mask_.begin(), mask_.end());
    if (layer_.gates) {
      read_gates(layer_, token, 1, gates_);
      all_.insert(all_.end(), gates_.begin(), gates_.end());
    }
    if (const TokenTensor* scores = layer_.ranking()) {
      const auto row = read_floats(*scores, token, 1, scratch_).row(0);
      all_.insert(all_.end(), row.begin(), row.end());
    }
    return all_;
  }

 private:
  const LayerRecord& layer_;
  std::vector<std::uint8_t> mask_;
  std::vector<float> gates_, scratch_, all_;
};

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, [](float x, float y) { return x == y || (x != x && y != y); });
}

/// Places where both runs hold a valid token, and another one.
std::vector<std::size_t> changed_tokens(const Trace& output, const Trace& base) {
  std::vector<std::size_t> out;
  for (std::size_t token = 0; token < base.layout.tokens(); ++token) {
    if (base.tokens[token] != output.tokens[token] && base.is_valid(token) && output.is_valid(token))
      out.push_back(token);
  }
  return out;
}

bool follows(const LayerRecord& output, const LayerRecord& base, const std::vector<std::size_t>& tokens) {
  TokenReader now(output), before(base);
  return std::ranges::any_of(tokens,
                             [&](std::size_t token) { return !same(now.read(token), before.read(token)); });
}

bool tells_tokens_apart(const LayerRecord& layer, const std::vector<std::size_t>& tokens) {
  TokenReader one(layer), other(layer);
  const std::vector<float> first = one.read(tokens.front());
  return std::ranges::any_of(tokens, [&](std::size_t token) { return !same(first, other.read(token)); });
}

/// The same of what a model says of its tokens, which is all there is of one without routed layers.
std::string silent_words(const Trace& output, const Trace& base, const std::vector<std::size_t>& tokens) {
  if (tokens.size() < fewest_scored) return "";
  const auto silent = [&](const char* what) {
    return fmt::format(
        "the recording does not follow its tokens: {} of them differ from the base's, and nothing that '{}' "
        "holds of "
        "them does",
        tokens.size(), what);
  };
  const auto follow = [&](const auto& now, const auto& before, std::size_t columns) {
    return std::ranges::any_of(tokens, [&](std::size_t token) {
      for (std::size_t i = token * columns; i < (token + 1) * columns; ++i) {
        if (now[i] != before[i] && !(std::isnan(now[i]) && std::isnan(before[i]))) return true;
      }
      return false;
    });
  };
  if (!base.log_probs.empty() && !follow(output.log_probs, base.log_probs, 1)) return silent("logprobs");
  if (base.probes > 0 && !follow(output.predictions, base.predictions, base.probes))
    return silent("predictions");
  return "";
}

}  // namespace

std::string ignores_tokens(const Trace& output, const Trace& base) {
  if (base.tokens.empty() || output.tokens.empty() || output.layout != base.layout) return "";
  const auto tokens = changed_tokens(output, base);
  if (base.layers.empty()) return silent_words(output, base, tokens);
  std::string silent;
  std::size_t layers = 0, following = 0;
  for (std::size_t l = 0; l < std::min(output.layers.size(), base.layers.size()); ++l) {
    const LayerRecord &now = output.layers[l], &before = base.layers[l];
    const bool scored = now.ranking() != nullptr && before.ranking() != nullptr;
    if (now.experts != before.experts || tokens.size() < (scored ? fewest_scored : fewest_masked)) continue;
    ++layers;
    if (follows(now, before, tokens)) {
      ++following;
    } else if (tells_tokens_apart(before, tokens)) {
      silent += fmt::format("{}{}", silent.empty() ? "" : ", ", raw(now.index));
    }
  }
  if (layers == 0 || (following > 0 && silent.empty())) return "";
  return fmt::format(
      "the recording does not follow its tokens: {} of them differ from the base's, and at {} "
      "nothing recorded of them does",
      tokens.size(), following == 0 ? "every layer" : "layers " + silent);
}

}  // namespace pastonly::integrity
