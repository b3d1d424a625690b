#include "routing/identify/offsets/group_bias_fit.h"

#include <algorithm>
#include <utility>

namespace pastonly::routing::hypotheses {

/// Perceptron steps on the sampled tokens (passive-aggressive, Crammer et al. 2006). How many did not follow.
std::size_t GroupBiasFit::epoch(Shape& shape, int number, std::size_t tokens) {
  GroupReader reader(shape.bias.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    const auto& [view, token] = tokens_[i];
    ++reads_;
    const auto* mask = view->mask().row(token).data();
    if (reader.follows(shape.choice, view->scores().row(token).data(), mask)) continue;
    ++wrong;
    reader.correct(shape.choice, mask, 1.0 / (1.0 + 0.02 * number), shape.bias);
    shape.choice.bias.assign(shape.bias.begin(), shape.bias.end());
  }
  return wrong;
}

void GroupBiasFit::add(GroupChoice shape, const std::vector<double>& start) {
  Shape one{std::move(shape), start, start, 0, places_++};
  one.choice.bias.assign(start.begin(), start.end());
  const std::size_t tokens = std::min(first_tokens, tokens_.size());
  for (std::size_t number = 0; number < first_epochs; ++number) {
    one.wrong = epoch(one, static_cast<int>(number), tokens);
    if (one.wrong == 0) break;
  }
  // A structure that is wrong stays wrong for a large share of the tokens.
  if (one.wrong * 5 <= tokens * 2) shapes_.push_back(std::move(one));
}

bool GroupBiasFit::follows(Shape& shape) {
  shape.bias = shape.start;
  shape.choice.bias.assign(shape.start.begin(), shape.start.end());
  for (std::size_t number = 0; number < epochs; ++number) {
    const std::size_t wrong = epoch(shape, static_cast<int>(number), tokens_.size());
    if (wrong == 0) return true;
    if (number == 3 && wrong * 5 > tokens_.size() * 2) return false;
    if (number == 20 && wrong * 10 > tokens_.size()) return false;
  }
  return false;
}

bool GroupBiasFit::run(const std::function<bool(GroupChoice&)>& accept) {
  const std::size_t scores = epochs * tokens_.size() * (shapes_.empty() ? 1 : shapes_.front().bias.size());
  const std::size_t fitted = std::max(fewest_fitted, most_scores / std::max<std::size_t>(1, scores));
  std::ranges::stable_sort(shapes_, {}, &Shape::wrong);
  if (shapes_.size() > fitted) shapes_.resize(fitted);
  // Of several that follow, the first that was added is the simplest.
  std::ranges::sort(shapes_, {}, &Shape::place);
  return std::ranges::any_of(shapes_, [&](Shape& shape) { return follows(shape) && accept(shape.choice); });
}

}  // namespace pastonly::routing::hypotheses
