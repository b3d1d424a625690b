#include "runtime/dispatch.h"

#include <algorithm>

namespace pastonly::runtime {

namespace {
constexpr std::size_t range_rows = 384;  // weights are packed once per range
}

void Dispatch::build(const Mask& mask) {
  const std::size_t experts = mask.experts(), tokens = mask.tokens();
  first_.assign(experts + 1, 0);
  first_of_token_.resize(tokens + 1);
  std::uint32_t total = 0;
  const std::uint8_t* bits = mask.view().data();
  for (std::size_t t = 0; t < tokens; ++t) {
    first_of_token_[t] = total;
    for (std::size_t e = 0; e < experts; ++e) {
      const std::uint32_t bit = bits[t * experts + e];
      first_[e + 1] += bit;
      total += bit;
    }
  }
  first_of_token_[tokens] = total;
  for (std::size_t e = 0; e < experts; ++e) first_[e + 1] += first_[e];
  tokens_.resize(total);
  experts_.resize(total);
  by_token_.resize(total);
  // first_[e] walks through the expert's range while it fills and is set back at the end.
  std::uint32_t entry = 0;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t e = 0; e < experts; ++e) {
      if (bits[t * experts + e] == 0) continue;
      const std::uint32_t route = first_[e]++;
      tokens_[route] = static_cast<std::uint32_t>(t);
      experts_[route] = static_cast<std::uint16_t>(e);
      by_token_[entry++] = route;
    }
  }
  for (std::size_t e = experts; e > 0; --e) first_[e] = first_[e - 1];
  first_[0] = 0;
  cut();
}

void Dispatch::build_slots(std::size_t tokens, std::size_t experts, std::size_t groups) {
  first_.resize(experts + 1);
  experts_.resize(experts * groups);
  for (std::size_t e = 0; e <= experts; ++e) first_[e] = static_cast<std::uint32_t>(e * groups);
  for (std::size_t r = 0; r < experts_.size(); ++r) experts_[r] = static_cast<std::uint16_t>(r / groups);
  tokens_.assign(experts * groups, 0);
  first_of_token_.assign(tokens + 1, 0);
  by_token_.clear();
  cut();
}

void Dispatch::cut() {
  ranges_.clear();
  for (std::size_t e = 0; e < experts(); ++e) {
    for (std::size_t done = 0; done < count(e); done += range_rows) {
      ranges_.push_back({e, first(e) + done, std::min(range_rows, count(e) - done)});
    }
  }
}

}  // namespace pastonly::runtime
