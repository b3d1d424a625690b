#include <vector>

#include "kernels/elementary.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/rules/token_choice.h"
#include "routing/selection/chance.h"

namespace pastonly::routing {

namespace {

/// K best of s + eps * softplus(noise), eps standard normal: Shazeer et al. 2017, equation 4, with the
/// learned noise projection replaced by a constant.
class NoisyTopK final : public GroupedRule {
 public:
  NoisyTopK(std::size_t k, double noise) : GroupedRule({}), k_(k), noise_(noise) {}

  std::string_view id() const noexcept override { return ids::noisy_top_k; }
  Parameters parameters() const override { return {{"k", k_}, {"noise", noise_}}; }

 private:
  void route(const Group& group, Routing& out) const override {
    const double scale = noise_ > 30.0 ? noise_ : kernels::log1p(kernels::exp(noise_));
    std::vector<float> noisy(group.scores.data(), group.scores.data() + group.scores.size());
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      auto rng = token_noise(group.seed, group.position(token), group.scores.row(token));
      for (std::size_t expert = 0; expert < group.experts(); ++expert) {
        noisy[token * group.experts() + expert] += static_cast<float>(scale * rng.normal());
      }
    }
    mark(group, top_choices({noisy.data(), group.tokens(), group.experts()}, k_), true, out);
  }
  Dependence group_dependence(const Layout&, std::size_t experts) const override {
    return {.random = k_ < experts};
  }

  std::size_t k_;
  double noise_;
};

}  // namespace

Made make_noisy_top_k(const Parameters& parameters) {
  ParameterReader reader(ids::noisy_top_k, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  const double noise = reader.number("noise", 0.0, -1e300);
  return finished(reader, std::make_unique<NoisyTopK>(k, noise));
}

}  // namespace pastonly::routing
