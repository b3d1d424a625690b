#include "routing/identify/shared/candidate_parameters.h"

namespace pastonly::routing::hypotheses {

std::vector<Grouping> groupings(const RunSet& runs, bool sequences) {
  const auto declared = runs.run(0).layout.order;
  std::vector<Grouping> all{{false, declared}};
  bool several = false;
  for (std::size_t i = 0; i < runs.size(); ++i) several |= runs.run(i).layout.sequences > 1;
  if (!several) return all;
  const auto other =
      declared == TokenOrder::batch_major ? TokenOrder::sequence_major : TokenOrder::batch_major;
  all.push_back({false, other});
  if (sequences) all.push_back({true, TokenOrder::batch_major});
  return all;
}

void write_grouping(const RunSet& runs, const Grouping& grouping, Value::Object& parameters) {
  if (grouping.per_sequence) {
    parameters.emplace_back("scope", "sequence");
    return;
  }
  const auto& run = runs.run(0);
  if (run.layout.sequences > 1 && (!run.order_known || run.layout.order != grouping.order)) {
    parameters.emplace_back("order",
                            grouping.order == TokenOrder::batch_major ? "batch-major" : "sequence-major");
  }
}

Value::Array capacity_list(const std::map<std::size_t, std::size_t>& capacity) {
  Value::Array list;
  for (const auto& [tokens, slots] : capacity) {
    list.emplace_back(Value::Object{{"tokens", tokens}, {"capacity", slots}});
  }
  return list;
}

}  // namespace pastonly::routing::hypotheses
