#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/elementary.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"
#include "routing/selection/chance.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

enum class Second { kept, drawn };

struct RandomSecondOptions {
  Second second = Second::kept;
  double threshold = 0.5;  ///< kept: with probability min(1, normalised second gate / threshold)
  bool logits = false;     ///< scores are logits, else probabilities
};

/// Choice-major with a second choice left to chance: kept in proportion to its gate (mesh, fairseq,
/// lucidrains), or drawn with Gumbel noise among the other experts (DeepSpeed, fairscale).
class RandomSecond final : public GroupedRule {
 public:
  RandomSecond(CappedOptions options, RandomSecondOptions chance)
      : GroupedRule(options.grouping), options_(options), chance_(chance) {}

  std::string_view id() const noexcept override { return ids::gshard_top_2_random_second; }
  Parameters parameters() const override {
    Parameters parameters{{"k", options_.k}};
    options_.capacity.write(parameters);
    options_.grouping.write(parameters);
    parameters.emplace_back("second", chance_.second == Second::kept ? "kept" : "drawn");
    if (chance_.second == Second::kept) {
      parameters.emplace_back("threshold", chance_.threshold);
    } else {
      parameters.emplace_back("input", chance_.logits ? "logits" : "probabilities");
    }
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    Choices choices = top_choices(group.scores, 2);
    std::vector<std::uint8_t> has_second(group.tokens(), choices.k == 2 ? 1 : 0);
    for (std::size_t token = 0; token < group.tokens() && choices.k == 2; ++token) {
      auto* chosen = choices.experts.data() + token * 2;
      auto rng = token_noise(group.seed, group.position(token), group.scores.row(token));
      if (chance_.second == Second::drawn) {
        chosen[1] = draw(group.scores.row(token), chosen[0], rng);
      } else {
        has_second[token] =
            keeps(group.scores(token, chosen[0]), group.scores(token, chosen[1]), rng) ? 1 : 0;
      }
    }
    admit(group, choices, has_second, out);
  }

  std::uint16_t draw(std::span<const float> scores, std::uint16_t first, stats::CounterRng& rng) const {
    std::size_t best = first == 0 ? 1 : 0;
    double best_value = -std::numeric_limits<double>::infinity();
    for (std::size_t expert = 0; expert < scores.size(); ++expert) {
      const auto score = static_cast<double>(comparable(scores[expert]));
      const double value = (chance_.logits ? score : kernels::log(std::max(score, 0.0))) + rng.gumbel();
      if (expert == first || !(value > best_value)) continue;
      best = expert;
      best_value = value;
    }
    return static_cast<std::uint16_t>(best);
  }

  bool keeps(float first, float second, stats::CounterRng& rng) const {
    const auto one = static_cast<double>(first), two = static_cast<double>(second);
    const double gate = two / (one + two);
    return rng.uniform() * chance_.threshold < gate;
  }

  void admit(const Group& group, const Choices& choices, std::span<const std::uint8_t> has_second,
             Routing& out) const {
    const std::size_t slots =
        options_.capacity.of(group.tokens(), group.experts(), static_cast<double>(choices.k));
    std::vector<std::size_t> taken(group.experts(), 0);
    for (std::size_t j = 0; j < choices.k; ++j) {
      for (std::size_t token = 0; token < group.tokens(); ++token) {
        if (!group.is_valid(token) || (j == 1 && has_second[token] == 0)) continue;
        const auto expert = choices.of(token)[j];
        out.selected(group.row(token), expert) = 1;
        if (taken[expert] == slots) continue;
        ++taken[expert];
        out.mask(group.row(token), expert) = 1;
      }
    }
  }

  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    Dependence dependence =
        capped_dependence(layout, experts, options_.capacity, 2, Precedence::choice_major);
    const bool never_seconds = experts < 2 || options_.capacity.of(layout.tokens(), experts, 2.0) == 0;
    // Two experts leave nothing to draw.
    dependence.random = !never_seconds && (chance_.second == Second::kept || experts > 2);
    return dependence;
  }

  CappedOptions options_;
  RandomSecondOptions chance_;
};

}  // namespace

Made make_gshard_random_second(const Parameters& parameters) {
  ParameterReader reader(ids::gshard_top_2_random_second, parameters);
  const auto options = read_capped(reader, 2);
  if (options.k != 2) reader.reject("parameter 'k' must be 2");
  RandomSecondOptions chance;
  chance.second = static_cast<Second>(reader.choice("second", {"kept", "drawn"}, 0));
  if (chance.second == Second::kept) {
    chance.threshold = reader.positive("threshold", 0.5);
  } else {
    chance.logits = reader.choice("input", {"probabilities", "logits"}, 0) == 1;
  }
  return finished(reader, std::make_unique<RandomSecond>(options, chance));
}

}  // namespace pastonly::routing
