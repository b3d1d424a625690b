#include <algorithm>
#include <numeric>
#include <vector>

#include "routing/parameter_values.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"
#include "routing/selection/top_k.h"
#include "stats/random.h"

namespace pastonly::routing {

namespace {

/// A fixed table from token id to experts: given, or drawn once from a seed of its own. Where token ids
/// are unknown the scores stand in for the table (a producer may record it as scores).
class Hash final : public GroupedRule {
 public:
  Hash(std::size_t k, std::vector<float> table, std::size_t seed)
      : GroupedRule({}), k_(k), table_(std::move(table)), seed_(seed) {}

  std::string_view id() const noexcept override { return ids::hash; }
  Parameters parameters() const override {
    Parameters parameters{{"k", k_}};
    if (table_.empty()) {
      parameters.emplace_back("table_seed", seed_);
    } else {
      parameters.emplace_back("table", to_array(table_));
    }
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    if (group.ids.empty()) return mark(group, top_choices(group.scores, k_), true, out);
    Choices choices;
    choices.k = std::min(k_, group.experts());
    choices.experts.resize(group.tokens() * choices.k);
    std::vector<std::uint16_t> experts(group.experts());
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      const std::span<std::uint16_t> chosen(choices.experts.data() + token * choices.k, choices.k);
      table_.empty() ? drawn(group.ids[token], experts, chosen)
                     : listed(group.ids[token], experts.size(), chosen);
    }
    mark(group, choices, true, out);
  }
  /// The first k of a permutation of the experts that id and seed determine.
  void drawn(std::int64_t id, std::vector<std::uint16_t>& experts, std::span<std::uint16_t> chosen) const {
    std::iota(experts.begin(), experts.end(), std::uint16_t{0});
    stats::CounterRng rng(seed_, static_cast<std::uint64_t>(id));
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      std::swap(experts[j], experts[j + rng.below(experts.size() - j)]);
      chosen[j] = experts[j];
    }
  }
  /// Row `id` of the table, (vocabulary, k); ids and experts beyond it wrap around.
  void listed(std::int64_t id, std::size_t experts, std::span<std::uint16_t> chosen) const {
    const std::size_t rows = table_.size() / k_;
    const std::size_t row = static_cast<std::size_t>(id < 0 ? -(id + 1) : id) % rows;
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      chosen[j] = static_cast<std::uint16_t>(static_cast<std::size_t>(table_[row * k_ + j]) % experts);
    }
  }
  Dependence group_dependence(const Layout&, std::size_t) const override { return {}; }

  std::size_t k_;
  std::vector<float> table_;  // (vocabulary, k), or empty
  std::size_t seed_;
};

}  // namespace

Made make_hash(const Parameters& parameters) {
  ParameterReader reader(ids::hash, parameters);
  const std::size_t k = reader.count("k", 1);
  auto table = reader.array("table");
  if (!table.empty() && reader.has("table_seed")) reader.reject("give 'table' or 'table_seed', not both");
  const std::size_t seed = reader.count("table_seed", 0, 0);
  for (const float expert : table) {
    if (expert < 0.0F || expert > 65535.0F ||
        expert != static_cast<float>(static_cast<std::size_t>(expert))) {
      reader.reject("parameter 'table' must hold expert numbers");
      break;
    }
  }
  if (table.size() % k != 0) reader.reject("parameter 'table' must hold k experts for every token id");
  return finished(reader, std::make_unique<Hash>(k, std::move(table), seed));
}

}  // namespace pastonly::routing
