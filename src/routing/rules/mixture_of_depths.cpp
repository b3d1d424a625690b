#include <algorithm>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/chunks.h"
#include "routing/selection/column_top.h"

namespace pastonly::routing {

namespace {

/// A block takes the best tokens of the sequence, the rest pass by it. With several columns, each is a
/// block of its own.
class MixtureOfDepths final : public GroupedRule {
 public:
  MixtureOfDepths(ChunkOptions options, bool strict)
      : GroupedRule(options.grouping), options_(options), strict_(strict) {}

  std::string_view id() const noexcept override { return ids::mixture_of_depths; }
  Parameters parameters() const override {
    Parameters parameters;
    if (options_.capacity->literal) {
      parameters.emplace_back("capacity", *options_.capacity->literal);
    } else {
      parameters.emplace_back("capacity_factor", options_.capacity->factor);
    }
    parameters.emplace_back("strict", strict_);
    options_.grouping.write(parameters);
    return parameters;
  }

 private:
  void route(const Group& group, Routing& out) const override {
    std::vector<std::uint8_t> chosen(group.scores.size(), 0);  // (tokens, experts)
    ColumnTop top;
    top.select(group.scores, slots(group.tokens()), group.valid, strict_,
               {chosen.data(), group.tokens(), group.experts()});
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      const std::size_t row = group.row(token);
      for (std::size_t expert = 0; expert < group.experts(); ++expert) {
        out.selected(row, expert) = out.mask(row, expert) = chosen[token * group.experts() + expert];
      }
    }
  }
  /// int(fraction * tokens), but at least one.
  std::size_t slots(std::size_t tokens) const noexcept {
    return std::clamp<std::size_t>(options_.capacity->of(tokens, 1, 1.0), 1, tokens);
  }
  Dependence group_dependence(const Layout& layout, std::size_t) const override {
    // The tokens above a threshold that all of them set: taken one fewer where the comparison is strict,
    // so that even a full capacity leaves the smallest out.
    ChunkOptions blocks = options_;
    blocks.capacity->minimum = 1;
    Dependence dependence = chunked_dependence(layout, 1, blocks);
    if (strict_ && slots(layout.tokens()) == layout.tokens() && layout.tokens() > 1) {
      dependence.future = dependence.batch = dependence.length = true;
    }
    return dependence;
  }

  ChunkOptions options_;
  bool strict_;
};

}  // namespace

Made make_mixture_of_depths(const Parameters& parameters) {
  ParameterReader reader(ids::mixture_of_depths, parameters);
  ChunkOptions options;
  options.capacity.emplace().formula = CapacityFormula::megablocks;
  if (reader.has("capacity")) {
    if (reader.has("capacity_factor")) reader.reject("give 'capacity' or 'capacity_factor', not both");
    options.capacity->literal = reader.count("capacity", std::nullopt);
  } else {
    options.capacity->factor = reader.positive("capacity_factor", 0.125);
  }
  const bool strict = reader.flag("strict", false);
  options.grouping = read_grouping(reader, true);
  return finished(reader, std::make_unique<MixtureOfDepths>(options, strict));
}

}  // namespace pastonly::routing
