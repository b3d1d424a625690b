#include <algorithm>
#include <vector>

#include "routing/dependence.h"
#include "routing/parameter_values.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"
#include "routing/selection/top_k.h"

namespace pastonly::routing {

namespace {

/// Loss-free balancing that counts the tokens before each token alone.
class PrefixBias final : public GroupedRule {
 public:
  PrefixBias(std::size_t k, std::vector<float> bias, double rate, GroupingOptions grouping)
      : GroupedRule(grouping), k_(k), bias_(std::move(bias)), rate_(rate) {}

  std::string_view id() const noexcept override { return ids::biased_top_k_prefix; }
  Parameters parameters() const override {
    Parameters parameters{{"k", k_}};
    if (!bias_.empty()) parameters.emplace_back("bias", to_array(bias_));
    parameters.emplace_back("update_rate", rate_);
    grouping().write(parameters);
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    const std::size_t experts = group.experts();
    std::vector<float> sums(experts);
    std::vector<std::uint16_t> best(std::min(k_, experts));
    std::vector<std::size_t> load(experts, 0);
    std::vector<std::int64_t> steps(experts, 0);  // updates up less updates down
    std::size_t total = 0;
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (!group.is_valid(token)) continue;
      for (std::size_t e = 0; e < experts; ++e) {
        const float start = e < bias_.size() ? bias_[e] : 0.0F;
        sums[e] = group.scores(token, e) + start + static_cast<float>(rate_ * static_cast<double>(steps[e]));
      }
      top_k(sums, best);
      for (const auto e : best) {
        out.selected(group.row(token), e) = out.mask(group.row(token), e) = 1;
        ++load[e];
      }
      total += best.size();
      for (std::size_t e = 0; e < experts; ++e) {
        const std::size_t scaled = load[e] * experts;
        if (scaled != total) steps[e] += scaled < total ? 1 : -1;
      }
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const bool moves = k_ < experts && rate_ > 0.0 && layout.sequences > 1;
    // Appended tokens of earlier rows stand before later rows; in time order they come last.
    return {.batch = moves, .order = moves, .length = moves && layout.order == TokenOrder::batch_major};
  }

  std::size_t k_;
  std::vector<float> bias_;  // (experts) or shorter
  double rate_;
};

}  // namespace

Made make_prefix_bias(const Parameters& parameters) {
  ParameterReader reader(ids::biased_top_k_prefix, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  auto bias = reader.array("bias");
  const double rate = reader.number("update_rate", 0.001, 0.0);
  const GroupingOptions grouping = read_grouping(reader, true);
  return finished(reader, std::make_unique<PrefixBias>(k, std::move(bias), rate, grouping));
}

}  // namespace pastonly::routing
