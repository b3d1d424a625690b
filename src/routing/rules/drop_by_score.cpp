#include <array>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

enum class Rank { score, renormalised, latest };
constexpr std::array rank_names{"score", "renormalised", "latest"};

class DropByScore final : public CappedRule {
 public:
  DropByScore(CappedOptions options, Rank rank)
      : CappedRule(ids::drop_by_score, options, Precedence::by_merit), rank_(rank) {}

  Parameters parameters() const override {
    Parameters parameters = CappedRule::parameters();
    parameters.emplace_back("rank", rank_names[static_cast<std::size_t>(rank_)]);
    return parameters;
  }

 private:
  void admit(const Group& group, const Choices& choices, std::size_t slots, Routing& out) const override {
    if (rank_ == Rank::latest) {
      admit_latest(group, choices, slots, out);
      return;
    }
    std::vector<float> priority(choices.experts.size());  // (tokens, k)
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      float sum = 0.0F;
      for (const auto expert : choices.of(token)) sum += group.scores(token, expert);
      for (std::size_t j = 0; j < choices.k; ++j) {
        const float score = group.scores(token, choices.of(token)[j]);
        priority[token * choices.k + j] = rank_ == Rank::score ? score : share(score, sum, choices.k);
      }
    }
    admit_by_priority(group, choices, slots, priority, out);
  }
  /// Where the selected scores cancel out, each counts the same.
  static float share(float score, float sum, std::size_t k) noexcept {
    return sum != 0.0F ? score / sum : 1.0F / static_cast<float>(k);
  }
  // With one choice every renormalised score is 1: what remains is the order of the tokens.
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const bool constant = rank_ == Rank::renormalised && std::min(options().k, experts) == 1;
    Dependence dependence = capped_dependence(layout, experts, options().capacity, options().k,
                                              constant ? Precedence::first_come : Precedence::by_merit);
    if (rank_ == Rank::latest) dependence.order = dependence.batch;
    return dependence;
  }

  Rank rank_;
};

}  // namespace

Made make_drop_by_score(const Parameters& parameters) {
  ParameterReader reader(ids::drop_by_score, parameters);
  const auto options = read_capped(reader, std::nullopt);
  const auto rank =
      static_cast<Rank>(reader.choice("rank", {rank_names[0], rank_names[1], rank_names[2]}, 0));
  return finished(reader, std::make_unique<DropByScore>(options, rank));
}

}  // namespace pastonly::routing
