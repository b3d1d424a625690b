#include "losses/logged_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace pastonly::losses {
namespace {

constexpr std::string_view chunk_is = "chunk=";

/// In alphabetical order: labels of the same words are one.
std::vector<std::string> words_of(std::string_view label) {
  std::vector<std::string> words;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = label.find(',');
    words.emplace_back(label.substr(0, end));
    label.remove_prefix(end == std::string_view::npos ? 0 : end + 1);
  }
  std::ranges::sort(words);
  return words;
}

/// Without spaces and capitals.
std::string plain(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c != ' ') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::optional<std::uint64_t> chunk_of(std::string_view word) {
  const std::string_view number = word.substr(chunk_is.size());
  std::uint64_t chunk = 0;
  const auto [at, error] = std::from_chars(number.data(), number.data() + number.size(), chunk);
  const bool whole = error == std::errc() && at == number.data() + number.size();
  // chunk=08 would be another arm than chunk=8.
  return whole && number.front() != '0' ? std::optional(chunk) : std::nullopt;
}

/// "" or what is wrong with the words of a label.
std::string read_words(const std::vector<std::string>& words, LoggedArm& arm) {
  if (const auto twice = std::ranges::adjacent_find(words); twice != words.end())
    return fmt::format("'{}' stands twice", *twice);
  for (const std::string& word : words) {
    const std::string meant = plain(word);
    const bool chunk = meant.starts_with(chunk_is);
    if (meant.empty()) return "has an empty word between its commas";
    if ((chunk || meant == "causal") && meant != word)
      return fmt::format("'{}' has spaces or capitals; write {}", word, meant);
    if (word == "causal") arm.causal = true;
    if (!chunk) continue;
    if (arm.chunk) return "names two chunk sizes";
    arm.chunk = chunk_of(word);
    if (!arm.chunk) return fmt::format("'{}' is not a chunk size; write chunk=8", word);
  }
  return "";
}

Expected<LoggedArm> parse_label(std::string_view label) {
  LoggedArm arm;
  arm.label = label;
  if (const std::string why = read_words(words_of(label), arm); !why.empty())
    return usage_error(fmt::format("--log {}: {}", label, why));
  return arm;
}

Expected<LoggedArm*> arm_of(std::string_view label, std::vector<LoggedArm>& arms) {
  const auto found =
      std::ranges::find(arms, words_of(label), [](const LoggedArm& arm) { return words_of(arm.label); });
  if (found != arms.end()) return &*found;
  auto arm = parse_label(label);
  if (!arm) return tl::unexpected(arm.error());
  const auto baseline = std::ranges::find(arms, true, &LoggedArm::causal);
  if (arm->causal && baseline != arms.end())
    return usage_error(fmt::format("--log: '{}' and '{}' are both labelled causal; give one baseline",
                                   baseline->label, label));
  return &arms.emplace_back(*std::move(arm));
}

/// Whether one log is the other, or its beginning. Two runs never log the same numbers; a first loss they
/// may.
bool same_run(const input::TrainingLog& one, const input::TrainingLog& other) {
  const auto points = static_cast<std::ptrdiff_t>(std::min(one.steps.size(), other.steps.size()));
  const bool equal = std::equal(one.steps.begin(), one.steps.begin() + points, other.steps.begin()) &&
                     std::equal(one.losses.begin(), one.losses.begin() + points, other.losses.begin());
  return equal && (points > 1 || one.steps.size() == other.steps.size());
}

const input::TrainingLog* seen_before(const input::TrainingLog& log, const std::vector<LoggedArm>& arms) {
  for (const LoggedArm& arm : arms) {
    for (const input::TrainingLog& other : arm.seeds) {
      if (same_run(log, other)) return &other;
    }
  }
  return nullptr;
}

}  // namespace

Expected<std::vector<LoggedArm>> read_arms(std::span<const std::string> logs,
                                           const input::LogOptions& options, const input::Stop& stop) {
  std::vector<LoggedArm> arms;
  for (const std::string& text : logs) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
      return usage_error(fmt::format("--log {}: write LABEL:FILE, for example chunk=8:run.jsonl", text));
    const auto arm = arm_of(std::string_view(text).substr(0, colon), arms);
    if (!arm) return tl::unexpected(arm.error());
    auto log = input::read_training_log(text.substr(colon + 1), options, stop);
    if (!log) return tl::unexpected(log.error());
    if (const auto* same = seen_before(*log, arms))
      return usage_error(fmt::format("--log: {} and {} are the same run", same->path, log->path));
    (*arm)->seeds.push_back(*std::move(log));
  }
  return arms;
}

}  // namespace pastonly::losses
