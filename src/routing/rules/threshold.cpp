#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "routing/parameter_values.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"
#include "routing/selection/order_key.h"
#include "routing/selection/top_k.h"

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

/// Every token goes to its best experts, until they hold a share of its scores (top-p) or as long as they
/// exceed a threshold (a null expert of constant score), and to no more than `most`.
class CutChoice final : public GroupedRule {
 public:
  CutChoice(std::size_t most, std::optional<double> mass, std::optional<double> threshold)
      : GroupedRule({}), most_(most), mass_(mass), threshold_(threshold) {}

  std::string_view id() const noexcept override { return ids::expert_threshold; }
  Parameters parameters() const override {
    Parameters parameters;
    if (threshold_) parameters.emplace_back("thresholds", *threshold_);
    if (mass_) parameters.emplace_back("mass", *mass_);
    parameters.emplace_back("most", most_);
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    const Choices choices = top_choices(group.scores, most_);
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (!group.is_valid(token)) continue;
      double total = 0.0, held = 0.0;
      for (std::size_t e = 0; e < group.experts(); ++e) total += static_cast<double>(group.scores(token, e));
      for (const auto expert : choices.of(token)) {
        const auto score = static_cast<double>(comparable(group.scores(token, expert)));
        if (mass_ ? !(held < *mass_ * total) : !(score > *threshold_)) break;
        held += score;
        out.selected(group.row(token), expert) = out.mask(group.row(token), expert) = 1;
      }
    }
  }
  Dependence group_dependence(const Layout&, std::size_t) const override { return {}; }

  std::size_t most_;
  std::optional<double> mass_, threshold_;
};

}  // namespace

Made make_expert_threshold(const Parameters& parameters) {
  ParameterReader reader(ids::expert_threshold, parameters);
  auto thresholds = reader.array("thresholds");
  const bool by_mass = reader.has("mass");
  if (thresholds.empty() && !by_mass)
    reader.missing("thresholds", "one number, or one per expert, or 'mass'");
  if (by_mass || reader.has("most")) {
    if (by_mass ? !thresholds.empty() : thresholds.size() > 1)
      reader.reject("parameter 'thresholds' must be one number beside 'most', and is not for 'mass'");
    const std::size_t most = reader.count("most", std::numeric_limits<std::uint16_t>::max());
    const auto mass = by_mass ? std::optional(reader.number("mass", 1.0, 0.0)) : std::nullopt;
    if (mass && *mass > 1.0) reader.reject("parameter 'mass' must be at most 1: it is a share");
    const auto threshold =
        thresholds.empty() ? std::nullopt : std::optional(static_cast<double>(thresholds.front()));
    return finished(reader, std::make_unique<CutChoice>(most, mass, threshold));
  }
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
