#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pastonly::stats {

/// Runs that would be alike were the treatment without effect, with what each shows at the place of each
/// treated one. The first `treated` members are the treated ones.
struct MatchedStratum {
  std::size_t treated = 0;
  std::size_t members = 0;
  /// (treated, members): what member i shows where treated member k is looked at; NaN where it cannot be
  /// looked at there.
  std::vector<double> values;
};

/// P-value of exchangeability against "the treated show more": the sum over treated members of the rank that
/// their value has among all members looked at in the same place, against the same sum when the treated are
/// drawn anew, without replacement, from those members. Strata are independent. 1 where nothing was treated
/// or no member is a control. Up to `most_draws` draws; where all controls show 0, the p-value of the number
/// of treated members that do not is exact instead (hypergeometric, multiplied over strata).
double matched_permutation_p(std::span<const MatchedStratum> strata, std::uint64_t seed,
                             std::uint64_t most_draws = 99'999);

}  // namespace pastonly::stats
