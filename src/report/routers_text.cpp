#include "report/routers_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/paragraph.h"
#include "report/text_table.h"

namespace pastonly::report {
namespace {

using Routers = Report::Experiment::Routers;

/// The mean of what is there.
class Mean {
 public:
  void add(const std::optional<double>& value) {
    if (!value || !std::isfinite(*value)) return;
    sum_ += *value;
    ++count_;
  }
  std::string words(int digits = 3) const {
    return count_ > 0 ? fmt::format("{:.{}f}", sum_ / count_, digits) : "-";
  }

 private:
  double sum_ = 0.0;
  int count_ = 0;
};

bool settled_before_end(const Report::Experiment::Routers::Fixation& layer) {
  return layer.agreement.size() < 2 || layer.settled < layer.agreement.back().first;
}

/// Figures of one line.
struct Line {
  Mean epsilon, cosine, coupling, settled, own, other, routed, all;
  std::size_t late = 0;  // layers that settled at the end alone

  void add(const Routers& routers) {
    if (!routers.training.empty()) {
      const auto& end = routers.training.back();
      epsilon.add(end.epsilon);
      cosine.add(end.absolute_cosine);
      coupling.add(end.coupling);
    }
    for (const auto& layer : routers.fixation) {
      if (settled_before_end(layer))
        settled.add(static_cast<double>(layer.settled));
      else
        ++late;
    }
    for (const auto& layer : routers.frozen) {
      own.add(layer.alignment);
      other.add(layer.alignment_other);
      routed.add(layer.activation_routed);
      all.add(layer.activation_all);
    }
  }
  Row row(const std::string& name) const {
    return {shortened(name, 32),
            epsilon.words(),
            cosine.words(),
            coupling.words(4),
            late == 0 ? settled.words(0) : fmt::format("{}, {} late", settled.words(0), late),
            own.words() + " / " + other.words(),
            routed.words() + " / " + all.words()};
  }
};

constexpr const char* note =
    "epsilon: half the distance to the nearest router row, relative to the row's length. |cosine|: between "
    "router rows. coupling: expert-router coupling loss at alpha 1. settled: the step from which nine tenths "
    "of "
    "a fixed batch's routes above chance are those of the end; late: layers whose routes are not before the "
    "end. gradients: cosine of a router row's gradient "
    "with the leading direction of its expert's / of another expert's. activation: correlation of score and "
    "activation norm over the routed / over all tokens. Means over layers.";

}  // namespace

std::string settled_in_words(const Report::Experiment::Routers::Fixation& layer) {
  return settled_before_end(layer) ? fmt::format("{}", layer.settled) : "not before the end";
}

std::string routers_text(const Report::Experiment& experiment, const TextStyle& style) {
  std::vector<Row> rows{{"arm", "epsilon", "|cosine|", "coupling", "settled", "gradients", "activation"}};
  std::vector<std::string> groups;
  for (const auto& arm : experiment.arms) {
    if (std::ranges::find(groups, arm.group) == groups.end()) groups.push_back(arm.group);
  }
  bool any = false;
  for (const std::string& group : groups) {
    Line line;
    for (const auto& arm : experiment.arms) {
      if (arm.group != group) continue;
      line.add(arm.routers);
      any = any || !arm.routers.training.empty() || !arm.routers.frozen.empty();
    }
    rows.push_back(line.row(group));
  }
  return any ? "\n" + aligned(rows, style.color) + table_note(note, style.width) : "";
}

}  // namespace pastonly::report
