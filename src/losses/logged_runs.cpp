#include "losses/logged_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace pastonly::losses {
namespace {

Expected<LoggedArm> parse_label(std::string_view label) {
  LoggedArm arm;
  arm.label = label;
  while (!label.empty()) {
    const std::size_t end = std::min(label.find(','), label.size());
    const std::string_view word = label.substr(0, end);
    label.remove_prefix(std::min(end + 1, label.size()));
    if (word == "causal") arm.causal = true;
    if (!word.starts_with("chunk=")) continue;
    const std::string_view number = word.substr(6);
    std::uint64_t chunk = 0;
    const auto [at, error] = std::from_chars(number.data(), number.data() + number.size(), chunk);
    if (error != std::errc() || at != number.data() + number.size() || chunk == 0)
      return usage_error(fmt::format("--log {}: '{}' is not a chunk size; write chunk=8", arm.label, word));
    arm.chunk = chunk;
  }
  return arm;
}

Expected<LoggedArm*> arm_of(std::string_view label, std::vector<LoggedArm>& arms) {
  const auto found = std::ranges::find(arms, label, &LoggedArm::label);
  if (found != arms.end()) return &*found;
  auto arm = parse_label(label);
  if (!arm) return tl::unexpected(arm.error());
  const auto baseline = std::ranges::find(arms, true, &LoggedArm::causal);
  if (arm->causal && baseline != arms.end())
    return usage_error(fmt::format("--log: '{}' and '{}' are both labelled causal; give one baseline",
                                   baseline->label, label));
  return &arms.emplace_back(*std::move(arm));
}

/// Two seeds of one arm never log the same numbers.
const input::TrainingLog* causal_baseline(const input::TrainingLog& log, const std::vector<LoggedArm>& arms) {
  for (const LoggedArm& arm : arms) {
    for (const input::TrainingLog& other : arm.seeds) {
      if (other.steps == log.steps && other.losses == log.losses) return &other;
    }
  }
  return nullptr;
}

}  // namespace

Expected<std::vector<LoggedArm>> read_arms(std::span<const std::string> logs, input::LossUnit unit,
                                           const input::Stop& stop) {
  std::vector<LoggedArm> arms;
  for (const std::string& text : logs) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
      return usage_error(fmt::format("--log {}: write LABEL:FILE, for example chunk=8:run.jsonl", text));
    const auto arm = arm_of(std::string_view(text).substr(0, colon), arms);
    if (!arm) return tl::unexpected(arm.error());
    auto log = input::read_training_log(text.substr(colon + 1), unit, stop);
    if (!log) return tl::unexpected(log.error());
    if (const auto* same = causal_baseline(*log, arms))
      return usage_error(fmt::format("--log: {} and {} are the same run", same->path, log->path));
    (*arm)->seeds.push_back(*std::move(log));
  }
  return arms;
}

}  // namespace pastonly::losses
