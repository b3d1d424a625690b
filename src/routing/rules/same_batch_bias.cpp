#include <vector>

#include "routing/parameter_values.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/rules/token_choice.h"

namespace pastonly::routing {

namespace {

/// The loss-free bias used wrongly: the batch that is to be routed moves the bias that routes it.
class SameBatchBias final : public GroupedRule {
 public:
  SameBatchBias(std::size_t k, std::vector<float> bias, double rate, std::size_t updates,
                GroupingOptions grouping)
      : GroupedRule(grouping), k_(k), bias_(std::move(bias)), rate_(rate), updates_(updates) {}

  std::string_view id() const noexcept override { return ids::biased_top_k_same_batch; }
  Parameters parameters() const override {
    Parameters parameters{{"k", k_}};
    if (!bias_.empty()) parameters.emplace_back("bias", to_array(bias_));
    parameters.emplace_back("update_rate", rate_);
    parameters.emplace_back("updates", updates_);
    grouping().write(parameters);
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    std::vector<float> bias = bias_;
    bias.resize(group.experts(), 0.0F);
    for (std::size_t i = 0; i < updates_; ++i) update(group, bias);
    mark(group, choose(group, bias), true, out);
  }
  Choices choose(const Group& group, std::span<const float> bias) const {
    const auto sums = with_offset(group.scores, bias);
    return top_choices({sums.data(), group.tokens(), group.experts()}, k_);
  }
  /// b_i += rate * sign(mean load - load_i), as between batches in DeepSeek-V3, section 2.1.2.
  void update(const Group& group, std::vector<float>& bias) const {
    const Choices choices = choose(group, bias);
    std::vector<std::size_t> load(group.experts(), 0);
    std::size_t total = 0;
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (!group.is_valid(token)) continue;
      for (const auto expert : choices.of(token)) ++load[expert];
      total += choices.k;
    }
    for (std::size_t expert = 0; expert < group.experts(); ++expert) {
      const std::size_t scaled = load[expert] * group.experts();
      if (scaled != total) bias[expert] += static_cast<float>(scaled < total ? rate_ : -rate_);
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const bool moves = k_ < experts && updates_ > 0 && rate_ > 0.0;
    const bool several = layout.tokens() > 1;
    return {.future = moves && several, .batch = moves && several, .length = moves};
  }

  std::size_t k_;
  std::vector<float> bias_;  // (experts) or shorter
  double rate_;
  std::size_t updates_;
};

}  // namespace

Made make_same_batch_bias(const Parameters& parameters) {
  ParameterReader reader(ids::biased_top_k_same_batch, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  auto bias = reader.array("bias");
  const double rate = reader.number("update_rate", 0.001, 0.0);
  const std::size_t updates = reader.count("updates", 1, 0);
  const GroupingOptions grouping = read_grouping(reader);
  return finished(reader, std::make_unique<SameBatchBias>(k, std::move(bias), rate, updates, grouping));
}

}  // namespace pastonly::routing
