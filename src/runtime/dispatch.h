#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/mask.h"

namespace pastonly::runtime {

/// A mask as lists: the routes (token, expert) in order of expert, then token, so that every expert's
/// tokens can be gathered; and for every token its routes in order of expert, so that sums over experts
/// have one order.
class Dispatch {
 public:
  /// Of one expert's routes, few enough for a task.
  struct Range {
    std::size_t expert;
    std::size_t first;  ///< route
    std::size_t count;
  };

  void build(const Mask& mask);
  /// One route for every expert and group, which stands for no single token (soft-moe).
  void build_slots(std::size_t tokens, std::size_t experts, std::size_t groups);

  std::size_t routes() const noexcept { return tokens_.size(); }
  std::size_t experts() const noexcept { return first_.empty() ? 0 : first_.size() - 1; }
  std::size_t first(std::size_t expert) const noexcept { return first_[expert]; }
  std::size_t count(std::size_t expert) const noexcept { return first_[expert + 1] - first_[expert]; }
  std::size_t token(std::size_t route) const noexcept { return tokens_[route]; }
  std::size_t expert(std::size_t route) const noexcept { return experts_[route]; }
  std::span<const std::uint32_t> routes_of(std::size_t token) const noexcept {
    return {by_token_.data() + first_of_token_[token], first_of_token_[token + 1] - first_of_token_[token]};
  }
  const std::vector<Range>& ranges() const noexcept { return ranges_; }

 private:
  void cut();

  std::vector<std::uint32_t> first_;           // (experts + 1)
  std::vector<std::uint32_t> tokens_;          // (routes)
  std::vector<std::uint16_t> experts_;         // (routes)
  std::vector<std::uint32_t> first_of_token_;  // (tokens + 1)
  std::vector<std::uint32_t> by_token_;        // (routes)
  std::vector<Range> ranges_;
};

}  // namespace pastonly::runtime
