#include "report/arm_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "pastonly/names.h"

namespace pastonly::report {
namespace {

using Arm = Report::Experiment::Arm;

/// The first figure of the whole experiment whose name begins so.
const Measurement* whole_figure(const Report& report, std::string_view beginning) {
  for (const auto& check : report.checks) {
    for (const Measurement& one : check.measurements) {
      if (one.name.starts_with(beginning)) return &one;
    }
  }
  return nullptr;
}

void add_arm(std::optional<double>& sum, const std::optional<double>& value) {
  if (sum) sum = value ? std::optional(*sum + *value) : std::nullopt;
}

void add_arm(Arm& sum, const Arm& arm) {
  sum.loss_bits += arm.loss_bits;
  add_arm(sum.leak_bits, arm.leak_bits);
  add_arm(sum.log2_e_value, arm.log2_e_value);  // seeds are drawn apart: their e-values multiply
  sum.evaluated.in_order += arm.evaluated.in_order;
  add_arm(sum.evaluated.shuffled, arm.evaluated.shuffled);
  add_arm(sum.evaluated.streaming, arm.evaluated.streaming);
  add_arm(sum.evaluated.top_k, arm.evaluated.top_k);
  for (std::size_t i = 0; i < std::min(sum.curve.size(), arm.curve.size()); ++i) {
    sum.curve[i].second += arm.curve[i].second;
  }
}

void divide_arm(Arm& sum, double by) {
  sum.loss_bits /= by;
  sum.evaluated.in_order /= by;
  for (auto* value :
       {&sum.leak_bits, &sum.evaluated.shuffled, &sum.evaluated.streaming, &sum.evaluated.top_k})
    if (*value) **value /= by;
  for (auto& point : sum.curve) point.second /= by;
}

}  // namespace

std::vector<ArmGroup> arm_groups(const Report& report) {
  std::vector<ArmGroup> groups;
  for (const Arm& arm : report.experiment->arms) {
    const auto same =
        std::ranges::find(groups, arm.group, [](const ArmGroup& one) { return one.mean.group; });
    if (same == groups.end()) {
      groups.push_back({arm, 1, nullptr});
    } else {
      add_arm(same->mean, arm);
      ++same->seeds;
    }
  }
  for (ArmGroup& group : groups) {
    if (group.seeds == 1) continue;
    divide_arm(group.mean, static_cast<double>(group.seeds));
    group.mean.name = group.mean.group;
    const auto* loss = whole_figure(report, measurement::of(measurement::final_loss, group.mean.group));
    group.mean.lower = loss != nullptr ? loss->lower.value_or(loss->value) : group.mean.loss_bits;
    group.mean.upper = loss != nullptr ? loss->upper.value_or(loss->value) : group.mean.loss_bits;
    const std::string any = measurement::of(measurement::drop, measurement::against(group.mean.group, ""));
    const auto beginning = any.substr(0, any.size() - 1);  // whichever it is held against
    group.drop = whole_figure(report, beginning);
  }
  return groups;
}

}  // namespace pastonly::report
