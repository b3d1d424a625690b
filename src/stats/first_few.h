#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <vector>

namespace pastonly::stats {

/// "4, 5, 6, 7, 8, 9 and 141 more": numbers for a sentence.
template <class Number>
std::string first_few(const std::vector<Number>& numbers, std::size_t most = 6) {
  std::string out;
  for (std::size_t i = 0; i < numbers.size() && i < most; ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ", ", numbers[i]);
  if (numbers.size() > most) out += fmt::format(" and {} more", numbers.size() - most);
  return out;
}

}  // namespace pastonly::stats
