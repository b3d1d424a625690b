#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pastonly/trace.h"

namespace pastonly::comparison {

/// Whether two recordings exchanged experts that stand apart by no more than the noise between them.
/// Distances are of scores with their bias, or of logits where scores are not on both sides.
class NearTies {
 public:
  /// `tokens` will be given.
  NearTies(const Trace& a, const Trace& b, const LayerRecord& first, const LayerRecord& second,
           std::uint64_t tokens);

  /// A token with the same experts in both.
  void agree(std::size_t token, std::size_t other, std::span<const std::uint8_t> mask);
  /// How far apart the experts stand that only one of them took, the furthest two, on the side that records
  /// more of it; infinite where neither records scores, or only one took any.
  double exchanged(std::size_t token, std::size_t other, std::span<const std::uint8_t> mask,
                   std::span<const std::uint8_t> other_mask);
  /// LayerAgreement::noise
  std::optional<double> noise() const;

 private:
  struct Side {
    const TokenTensor* ranking = nullptr;
    std::span<const float> bias;
    std::vector<float> scratch;
    std::span<const float> row;   ///< scores of the token that was read last
    std::vector<double> heights;  ///< the same with their bias

    /// Requires ranking.
    void read(std::size_t token);
    double score(std::size_t expert) const { return static_cast<double>(row[expert]); }
  };
  Side sides_[2];
  double unit_ = 0.0;                          ///< rounding of the coarser type of computation
  double largest_ = 0.0;                       ///< magnitude that was seen
  std::uint64_t every_, seen_ = 0;             ///< of the tokens that agree one in so many is looked at
  std::vector<double> distances_, movements_;  ///< of these
};

}  // namespace pastonly::comparison
