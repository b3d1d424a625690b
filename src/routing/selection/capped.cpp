#include "routing/selection/capped.h"

#include <algorithm>

namespace pastonly::routing {

CappedOptions read_capped(ParameterReader& reader, std::optional<std::size_t> default_k, bool per_sequence) {
  CappedOptions options;
  options.k = reader.count("k", default_k);
  options.capacity = read_capacity(reader);
  options.grouping = read_grouping(reader, per_sequence);
  return options;
}

Parameters CappedRule::parameters() const {
  Parameters parameters{{"k", options_.k}};
  options_.capacity.write(parameters);
  options_.grouping.write(parameters);
  return parameters;
}

std::size_t CappedRule::slots(const Group& group) const noexcept {
  return options_.capacity.of(group.tokens(), group.experts(),
                              static_cast<double>(std::min(options_.k, group.experts())));
}

Dependence CappedRule::group_dependence(const Layout& layout, std::size_t experts) const {
  return capped_dependence(layout, experts, options_.capacity, options_.k, precedence_);
}

void CappedRule::route(const Group& group, Routing& out) const {
  const Choices choices = top_choices(group.scores, options_.k);
  mark(group, choices, false, out);
  admit(group, choices, slots(group), out);
}

}  // namespace pastonly::routing
