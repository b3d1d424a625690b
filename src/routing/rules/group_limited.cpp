#include <algorithm>
#include <limits>
#include <vector>

#include "routing/parameter_values.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/rules/token_choice.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

enum class GroupScore { max, top2 };
enum class GroupMask { inf, zero };

struct GroupLimits {
  std::size_t k = 1;
  std::size_t groups = 1;
  std::size_t topk_groups = 1;
  GroupScore score = GroupScore::top2;
  GroupMask mask = GroupMask::inf;
  std::vector<float> bias;  // (experts) or shorter
};

class GroupLimitedTopK final : public GroupedRule {
 public:
  explicit GroupLimitedTopK(GroupLimits limits) : GroupedRule({}), limits_(std::move(limits)) {}

  std::string_view id() const noexcept override { return ids::group_limited_top_k; }
  Parameters parameters() const override {
    Parameters parameters{{"k", limits_.k},
                          {"groups", limits_.groups},
                          {"topk_groups", limits_.topk_groups},
                          {"group_score", limits_.score == GroupScore::max ? "max" : "top2"},
                          {"group_mask", limits_.mask == GroupMask::inf ? "inf" : "zero"}};
    if (!limits_.bias.empty()) parameters.emplace_back("bias", to_array(limits_.bias));
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    auto sums = with_offset(group.scores, limits_.bias);
    const std::size_t experts = group.experts();
    const std::size_t size = (experts + limits_.groups - 1) / limits_.groups;
    std::vector<float> merit(limits_.groups);
    std::vector<std::uint16_t> best(std::min(limits_.topk_groups, limits_.groups));
    const float masked = limits_.mask == GroupMask::inf ? -std::numeric_limits<float>::infinity() : 0.0F;
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      const std::span<float> row(sums.data() + token * experts, experts);
      for (float& value : row) value = comparable(value);
      for (std::size_t g = 0; g < limits_.groups; ++g) merit[g] = group_merit(row, g * size, size);
      top_k(merit, best);
      for (std::size_t g = 0; g < limits_.groups; ++g) {
        if (std::find(best.begin(), best.end(), g) != best.end()) continue;
        const std::size_t end = std::min((g + 1) * size, experts);
        for (std::size_t expert = std::min(g * size, end); expert < end; ++expert) row[expert] = masked;
      }
    }
    mark(group, top_choices({sums.data(), group.tokens(), experts}, limits_.k), true, out);
  }

  /// The largest score of a group, or the sum of its two largest.
  float group_merit(std::span<const float> row, std::size_t first, std::size_t size) const {
    float largest = -std::numeric_limits<float>::infinity();
    float second = largest;
    for (std::size_t expert = first; expert < std::min(first + size, row.size()); ++expert) {
      const float value = row[expert];
      if (value > largest) {
        second = std::exchange(largest, value);
      } else {
        second = std::max(second, value);
      }
    }
    return limits_.score == GroupScore::max || size == 1 ? largest : largest + second;
  }

  Dependence group_dependence(const Layout&, std::size_t) const override { return {}; }

  GroupLimits limits_;
};

}  // namespace

Made make_group_limited_top_k(const Parameters& parameters) {
  ParameterReader reader(ids::group_limited_top_k, parameters);
  GroupLimits limits;
  limits.k = reader.count("k", std::nullopt);
  limits.groups = reader.count("groups", std::nullopt);
  limits.topk_groups = reader.count("topk_groups", std::nullopt);
  limits.score = static_cast<GroupScore>(reader.choice("group_score", {"max", "top2"}, 1));
  limits.mask = static_cast<GroupMask>(reader.choice("group_mask", {"inf", "zero"}, 0));
  limits.bias = reader.array("bias");
  if (limits.groups > 65535) reader.reject("parameter 'groups' must be at most 65535");
  if (reader.has("groups") && limits.topk_groups > limits.groups)
    reader.reject("parameter 'topk_groups' must not exceed 'groups'");
  return finished(reader, std::make_unique<GroupLimitedTopK>(std::move(limits)));
}

}  // namespace pastonly::routing
