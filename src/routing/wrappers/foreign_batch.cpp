#include "routing/wrappers/foreign_batch.h"

#include <algorithm>
#include <cassert>

#include "routing/wrappers/permuted.h"

namespace pastonly::routing {
namespace {

constexpr std::size_t part_count = 16;

void copy_row(const Mask& from, std::size_t token, Mask& to) {
  std::copy_n(&from.view()(token, 0), from.experts(), &to.view()(token, 0));
}

}  // namespace

void ForeignBatchRule::select(MatrixView<const float> scores, const RoutingContext& context,
                              Routing& out) const {
  assert(scores.size() == others_.size());
  out.selected.reset(scores.rows(), scores.columns());
  out.mask.reset(scores.rows(), scores.columns());
  const auto order = random_order(scores.rows(), seed_);
  std::vector<float> mixed = others_;  // (tokens, experts)
  const auto place = [&](const float* from, std::size_t token) {
    std::copy_n(from + token * scores.columns(), scores.columns(), mixed.data() + token * scores.columns());
  };
  Routing routed;
  for (std::size_t part = 0; part < std::min(part_count, order.size()); ++part) {
    for (std::size_t i = part; i < order.size(); i += part_count) place(scores.row(0).data(), order[i]);
    rule().select({mixed.data(), scores.rows(), scores.columns()}, context, routed);
    for (std::size_t i = part; i < order.size(); i += part_count) {
      copy_row(routed.selected, order[i], out.selected);
      copy_row(routed.mask, order[i], out.mask);
      place(others_.data(), order[i]);
    }
  }
}

}  // namespace pastonly::routing
