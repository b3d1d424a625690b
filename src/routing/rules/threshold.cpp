#include <cmath>
#include <limits>
#include <vector>

#include "routing/parameter_values.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

/// Every token goes to the experts whose threshold its score exceeds.
class Threshold final : public GroupedRule {
 public:
  Threshold(std::string_view id, std::string_view key, std::vector<float> thresholds)
      : GroupedRule({}), id_(id), key_(key), thresholds_(std::move(thresholds)) {}

  std::string_view id() const noexcept override { return id_; }
  Parameters parameters() const override {
    if (thresholds_.size() == 1) return {{std::string(key_), static_cast<double>(thresholds_[0])}};
    return {{std::string(key_), to_array(thresholds_)}};
  }

 private:
  void route(const Group& group, Routing& out) const override {
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (!group.is_valid(token)) continue;
      const std::size_t row = group.row(token);
      for (std::size_t expert = 0; expert < group.experts(); ++expert) {
        const bool above = comparable(group.scores(token, expert)) > threshold(expert);
        out.selected(row, expert) = out.mask(row, expert) = above ? 1 : 0;
      }
    }
  }
  /// One threshold serves all experts; an expert beyond a longer list takes nothing.
  float threshold(std::size_t expert) const noexcept {
    if (thresholds_.size() == 1) return thresholds_[0];
    return expert < thresholds_.size() ? thresholds_[expert] : std::numeric_limits<float>::infinity();
  }
  Dependence group_dependence(const Layout&, std::size_t) const override { return {}; }

  std::string_view id_;
  std::string_view key_;
  std::vector<float> thresholds_;
};

}  // namespace

Made make_expert_threshold(const Parameters& parameters) {
  ParameterReader reader(ids::expert_threshold, parameters);
  auto thresholds = reader.array("thresholds");
  if (thresholds.empty())
    reader.reject("parameter 'thresholds' is missing: give one number, or one per expert");
  return finished(reader,
                  std::make_unique<Threshold>(ids::expert_threshold, "thresholds", std::move(thresholds)));
}

Made make_depth_predictor(const Parameters& parameters) {
  ParameterReader reader(ids::mixture_of_depths_predictor, parameters);
  // A logit of 0 is a probability of 1/2.
  const auto threshold = static_cast<float>(reader.number("threshold", 0.0, -1e300));
  return finished(reader, std::make_unique<Threshold>(ids::mixture_of_depths_predictor, "threshold",
                                                      std::vector<float>{threshold}));
}

}  // namespace pastonly::routing
