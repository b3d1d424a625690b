#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pastonly::routing::hypotheses {

/// Group-limited selection with its parameters.
struct GroupChoice {
  std::size_t groups = 1;
  std::size_t topk_groups = 1;
  bool top2 = true;         ///< groups ranked by the sum of their two best; else by their best
  bool zero_mask = false;   ///< other groups' experts count as 0 instead of -infinity
  std::vector<float> bias;  // (experts) or empty
};

/// What one token's choice says of the parameters.
class GroupReader {
 public:
  explicit GroupReader(std::size_t experts) : values_(experts) {}

  /// Whether the choice follows; exact ties in either way.
  bool follows(const GroupChoice& choice, const float* scores, const std::uint8_t* mask);
  /// A correction of the bias towards this token's choice, added to `bias`; `rate` scales it. Call after
  /// follows() said no.
  void correct(const GroupChoice& choice, const std::uint8_t* mask, double rate,
               std::span<double> bias) const;

 private:
  void read(const GroupChoice& choice, const float* scores, const std::uint8_t* mask);
  /// Corrects so that group `out`, whose best stands `gap` above the lowest chosen expert, gives way to one
  /// that holds nothing better; false where there is none or the gap itself is the smaller matter.
  bool exchange_groups(const GroupChoice& choice, std::size_t out, float lowest_chosen, double gap,
                       double rate, std::span<double> bias) const;
  void add_best(std::size_t group, bool top2, double amount, std::span<double> bias) const;

  std::vector<float> values_;          // (experts) score + bias
  std::vector<float> merits_;          // (groups)
  std::vector<std::uint8_t> touched_;  // (groups) the token chose from it
  std::vector<std::size_t> ranked_;    // (groups) best first; ties: touched first
  std::vector<std::uint8_t> allowed_;  // (groups)
  std::size_t group_size_ = 1;
};

}  // namespace pastonly::routing::hypotheses
