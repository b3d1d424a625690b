#include "comparison/unit_sums.h"

#include <algorithm>

namespace pastonly::comparison {

std::vector<UnitChange> UnitSums::sums() const {
  std::vector<UnitChange> out;
  UnitChange sum;
  std::size_t done = 0;
  double gates = 0.0, same_experts = 0.0;
  for (const std::size_t length : lengths_) {
    for (; done < length; ++done) {
      sum.flips += each_[done].flips;
      sum.own += each_[done].own;
      sum.movement += each_[done].movement;
      gates += each_[done].gates;
      same_experts += each_[done].flips == 0.0 ? 1.0 : 0.0;
      sum.beyond += each_[done].beyond;
      sum.gross += each_[done].gross;
    }
    sum.gates = gates / std::max(same_experts, 1.0);
    out.push_back(sum);
  }
  return out;
}

}  // namespace pastonly::comparison
