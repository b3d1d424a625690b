#include "stats/nearest_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pastonly::stats {
namespace {

/// Names are in small letters: a capital is no edit.
char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (small(a[i - 1]) == b[j - 1] ? 0U : 1U);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edits(word, candidate);
    const bool begins = word.size() >= 3 && candidate.starts_with(word);
    if (begins || distance <= std::max<std::size_t>(1, word.size() / 3))
      found.emplace_back(distance, candidate);
  }
  std::ranges::stable_sort(found, {}, [](const auto& pair) { return pair.first; });
  std::vector<std::string> names;
  for (auto& [distance, name] : found) {
    if (names.size() < 3) names.push_back(std::move(name));
  }
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto names = nearest(word, candidates);
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) out += (i == 0 ? "" : " or ") + names[i];
  return out.empty() ? "" : "; did you mean " + out + "?";
}

}  // namespace pastonly::stats
