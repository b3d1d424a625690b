#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pastonly::stats {

/// The candidates, in small letters, that a misspelt word may have meant: within a third of its length in
/// edits, nearest first, at most three.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
/// "; did you mean a or b?", or "" without candidates.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace pastonly::stats
