#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "routing/selection/group.h"
#include "routing/selection/top_k.h"

namespace pastonly::routing {

/// Scores plus a constant per expert (0 for experts that `offset` does not reach), (tokens, experts).
std::vector<float> with_offset(MatrixView<const float> scores, std::span<const float> offset,
                               float sign = 1.0F);

/// Dropless token choice: every token its k best experts, by scores + sign * offset.
class TopKRule : public GroupedRule {
 public:
  /// `declared`: what an outcome of this id depends on through its scores or gates, not through selection.
  TopKRule(std::string_view id, std::size_t k, Dependence declared = {});

  std::string_view id() const noexcept override { return id_; }
  Parameters parameters() const override;

 protected:
  std::size_t k() const noexcept { return k_; }

 private:
  void route(const Group& group, Routing& out) const override;
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override;

  std::string_view id_;
  std::size_t k_;
  Dependence declared_;
};

}  // namespace pastonly::routing
