#include "routing/rules/sinkhorn.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"
#include "routing/selection/order_key.h"
#include "routing/selection/top_k.h"

namespace pastonly::routing {

namespace {

constexpr double guard = 1e-8;  // Megatron's eps: keeps empty rows and columns from dividing by zero

/// exp(s), or max(s, 0), (tokens, experts). Rows are shifted by their maximum, which their row factor
/// takes back, so that large logits do not overflow.
std::vector<double> weights(MatrixView<const float> scores, bool logits) {
  std::vector<double> weight(scores.size());
  for (std::size_t token = 0; token < scores.rows(); ++token) {
    const auto row = scores.row(token);
    float top = -std::numeric_limits<float>::infinity();
    for (const float score : row) top = std::max(top, comparable(score));
    // Within reach of exp the shift stays out, for the guard above to weigh what it weighs in Megatron.
    const double shift = std::abs(top) > 60.0F && std::isfinite(top) ? top : 0.0;
    for (std::size_t expert = 0; expert < row.size(); ++expert) {
      const float score = comparable(row[expert]);
      const double value = logits ? kernels::exp(static_cast<double>(score) - shift) : std::max(0.0F, score);
      weight[token * row.size() + expert] = value;
    }
  }
  return weight;
}

class Sinkhorn final : public GroupedRule {
 public:
  Sinkhorn(std::size_t k, SinkhornOptions options, GroupingOptions grouping)
      : GroupedRule(grouping), k_(k), options_(options) {}

  std::string_view id() const noexcept override { return ids::sinkhorn; }
  Parameters parameters() const override {
    Parameters parameters{{"k", k_},
                          {"tolerance", options_.tolerance},
                          {"iterations", options_.iterations},
                          {"input", options_.logits ? "logits" : "probabilities"}};
    grouping().write(parameters);
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    const auto factors = sinkhorn_factors(group.scores, group.valid, options_);
    // log(weight * d1) keeps the ranking and float's range.
    std::vector<float> ranked(group.scores.size());  // (tokens, experts)
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      for (std::size_t expert = 0; expert < group.experts(); ++expert) {
        const auto score = static_cast<double>(comparable(group.scores(token, expert)));
        const double log_weight = options_.logits ? score : kernels::log(std::max(score, 0.0));
        ranked[token * group.experts() + expert] =
            static_cast<float>(log_weight + kernels::log(factors[expert]));
      }
    }
    mark(group, top_choices({ranked.data(), group.tokens(), group.experts()}, k_), true, out);
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const bool moves = k_ < experts && options_.iterations > 0;
    const bool several = layout.tokens() > 1;
    return {.future = moves && several, .batch = moves && several, .length = moves};
  }

  std::size_t k_;
  SinkhornOptions options_;
};

}  // namespace

std::vector<double> sinkhorn_factors(MatrixView<const float> scores, std::span<const std::uint8_t> valid,
                                     const SinkhornOptions& options) {
  const std::size_t experts = scores.columns();
  const auto weight = weights(scores, options.logits);
  std::vector<double> factor(experts, 1.0), column(experts);
  std::size_t tokens = 0;
  for (std::size_t token = 0; token < scores.rows(); ++token) tokens += is_valid(valid, token) ? 1 : 0;
  if (tokens == 0) return factor;
  double error = std::numeric_limits<double>::infinity();
  for (std::size_t step = 0; step < options.iterations && error > options.tolerance; ++step) {
    std::fill(column.begin(), column.end(), 0.0);
    for (std::size_t token = 0; token < scores.rows(); ++token) {
      if (!is_valid(valid, token)) continue;
      const double* row = weight.data() + token * experts;
      double sum = 0.0;
      for (std::size_t expert = 0; expert < experts; ++expert) sum += factor[expert] * row[expert];
      const double scale = 1.0 / (static_cast<double>(tokens) * (sum + guard));
      for (std::size_t expert = 0; expert < experts; ++expert) column[expert] += scale * row[expert];
    }
    error = 0.0;
    for (std::size_t expert = 0; expert < experts; ++expert) {
      const double next = 1.0 / (static_cast<double>(experts) * (column[expert] + guard));
      error += std::abs(next - factor[expert]);
      factor[expert] = next;
    }
    error /= static_cast<double>(experts);
  }
  return factor;
}

Made make_sinkhorn(const Parameters& parameters) {
  ParameterReader reader(ids::sinkhorn, parameters);
  SinkhornOptions options;
  const std::size_t k = reader.count("k", 1);
  options.tolerance = reader.number("tolerance", options.tolerance, 0.0);
  options.iterations = reader.count("iterations", options.iterations, 0);
  options.logits = reader.choice("input", {"logits", "probabilities"}, 0) == 0;
  const GroupingOptions grouping = read_grouping(reader);
  return finished(reader, std::make_unique<Sinkhorn>(k, options, grouping));
}

}  // namespace pastonly::routing
