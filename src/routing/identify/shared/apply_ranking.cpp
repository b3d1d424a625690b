#include "routing/identify/shared/apply_ranking.h"

#include <algorithm>

#include "kernels/elementary.h"

namespace pastonly::routing {

void apply_ranking(std::span<float> row, std::string_view ranking) {
  if (ranking == "log-score") {
    for (float& score : row) score = kernels::log(score);
  } else if (ranking == "log-odds") {
    for (float& score : row) score = kernels::log(score) - kernels::log1p(-score);
  } else if (ranking == "softmax") {
    const float largest = *std::ranges::max_element(row);
    float sum = 0.0F;
    for (float& score : row) sum += score = kernels::exp(score - largest);
    for (float& score : row) score /= sum;
  }
}

}  // namespace pastonly::routing
