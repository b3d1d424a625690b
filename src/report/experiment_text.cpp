#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "report/arm_groups.h"
#include "report/experiment_json.h"
#include "report/paragraph.h"
#include "report/routers_text.h"
#include "report/text_table.h"
#include "report/words.h"
#include "routing/rule_ids.h"

namespace pastonly::report {
namespace {

using Experiment = Report::Experiment;
using Arm = Experiment::Arm;

constexpr std::size_t curve_cells = 24;

std::string bits_words(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "-";
}

std::string e_value(const std::optional<double>& log2_e) {
  return log2_e ? fmt::format("2^{}", std::lround(*log2_e)) : "-";
}

std::string loss_words(const Arm& arm) {
  return fmt::format("{:.3f} ±{:.3f}", arm.loss_bits, 0.5 * (arm.upper - arm.lower));
}

/// Eight heights between the smallest and the largest loss of all arms, past the first tenth of training.
struct Scale {
  double low = 0.0, high = 1.0;
};

Scale scale_of(const Experiment& experiment) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& arm : experiment.arms) {
    for (std::size_t i = arm.curve.size() / 10; i < arm.curve.size(); ++i) {
      if (!std::isfinite(arm.curve[i].second)) continue;
      low = std::min(low, arm.curve[i].second);
      high = std::max(high, arm.curve[i].second);
    }
  }
  return low < high ? Scale{low, high} : Scale{low - 0.5, low + 0.5};
}

std::string picture(const Arm& arm, const Scale& scale) {
  constexpr std::array<const char*, 8> heights{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (arm.curve.empty()) return "";
  std::string out;
  const std::size_t cells = std::min(curve_cells, arm.curve.size());
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const double value = arm.curve[(cell + 1) * arm.curve.size() / cells - 1].second;
    const double share = std::clamp((value - scale.low) / (scale.high - scale.low), 0.0, 1.0);
    out += heights.at(std::isfinite(value) ? static_cast<std::size_t>(std::lround(7.0 * share)) : 7);
  }
  return out;
}

std::string experiment_heading(const Experiment& experiment, const TextStyle& style) {
  const auto& source = experiment.source;
  std::string out = fmt::format("{} arm{} trained on {}", experiment.arms.size(),
                                experiment.arms.size() == 1 ? "" : "s", source.name);
  if (source.floor_bits) {
    out += fmt::format(": no causal model can reach a loss below {:.3f} bits per token", *source.floor_bits);
  }
  return inked("Experiment " + experiment.name, Ink::bold, style.color) + "\n" +
         wrapped(out + ".", 0, style.width) + "\n";
}

std::string drop_words(const ArmGroup& group) {
  if (group.drop == nullptr || !group.drop->lower) return "-";
  return fmt::format("{} ±{:.3f}", signed_bits(group.drop->value),
                     0.5 * (*group.drop->upper - *group.drop->lower));
}

std::string carried(const Arm& arm) {
  if (!arm.bound || !arm.bound->floor_bits || !arm.bound->capacity_bits) return "-";
  return fmt::format("{:.1f} / {:.1f}", *arm.bound->floor_bits, *arm.bound->capacity_bits);
}

std::string loss_note(const Experiment& experiment, const std::vector<ArmGroup>& groups, bool bound,
                      bool seeds) {
  std::uint64_t tokens = 0;
  for (const ArmGroup& group : groups) tokens = std::max(tokens, group.mean.tokens);
  std::string text = fmt::format(
      "loss: bits per token under the training rule, with its 95% interval{}, on {} tokens drawn after "
      "training. ",
      seeds ? " over seeds" : "", grouped(tokens));
  if (experiment.source.floor_bits) {
    text +=
        "leak: bits below the source's own loss. e-value: likelihood ratio of the tokens, model to source; a "
        "causal model exceeds 2^x with probability at most 2^-x. ";
  }
  if (seeds)
    text += "drop: bits below the baseline arm (named by loss-anomaly in the JSON report), over seeds. ";
  if (bound)
    text +=
        "max leak: bits per token that the arm's expert choice could carry at most (published floor / exact "
        "capacity). ";
  return text + "training: loss over the training steps, on one scale for all arms.";
}

std::string loss_table(const Experiment& experiment, const std::vector<ArmGroup>& groups,
                       const TextStyle& style) {
  const Scale scale = scale_of(experiment);
  const bool bound = std::ranges::any_of(groups, [](const ArmGroup& g) { return g.mean.bound.has_value(); });
  const bool seeds = std::ranges::any_of(groups, [](const ArmGroup& g) { return g.drop != nullptr; });
  Row head{"arm", "loss", "leak", "e-value"};
  if (seeds) head.emplace_back("drop");
  if (bound) head.emplace_back("max leak");
  head.emplace_back("training");
  std::vector<Row> rows{std::move(head)};
  for (const ArmGroup& group : groups) {
    const Arm& arm = group.mean;
    Row row{shortened(arm.name, 32), loss_words(arm), arm.leak_bits ? signed_bits(*arm.leak_bits) : "-",
            e_value(arm.log2_e_value)};
    if (seeds) row.push_back(drop_words(group));
    if (bound) row.push_back(carried(arm));
    row.push_back(picture(arm, scale));
    rows.push_back(std::move(row));
  }
  return aligned(rows, style.color) + table_note(loss_note(experiment, groups, bound, seeds), style.width);
}

std::string routing_table(const std::vector<ArmGroup>& groups, const TextStyle& style) {
  std::vector<Row> rows{{"arm", "in order", "shuffled", "streaming", std::string(routing::ids::top_k)}};
  std::uint64_t streamed = 0;
  for (const ArmGroup& group : groups) {
    const Arm& arm = group.mean;
    streamed = std::max(streamed, arm.streaming_tokens);
    rows.push_back({shortened(arm.name, 32), bits_words(arm.evaluated.in_order),
                    bits_words(arm.evaluated.shuffled), bits_words(arm.evaluated.streaming),
                    bits_words(arm.evaluated.top_k)});
  }
  return aligned(rows, style.color) +
         table_note(fmt::format("Loss of the same models in bits per token: under their training rule with "
                                "the tokens in order, with the tokens in random order, and with only earlier "
                                "tokens visible (streaming, on {} tokens), and under plain top-k.",
                                grouped(streamed)),
                    style.width);
}

}  // namespace

std::string experiment_text(const Report& report, const TextStyle& style) {
  const Experiment& experiment = *report.experiment;
  if (experiment.arms.empty()) return "";
  const auto groups = arm_groups(report);
  return experiment_heading(experiment, style) + "\n" + loss_table(experiment, groups, style) + "\n" +
         routing_table(groups, style) + routers_text(experiment, style);
}

}  // namespace pastonly::report
