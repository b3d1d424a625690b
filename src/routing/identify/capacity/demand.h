#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "routing/identify/shared/run_view.h"

namespace pastonly::routing::hypotheses {

/// What one token wanted under token choice with k choices, against what it got. Among equal scores the
/// chosen experts count as wanted first: any resolution of exact ties is open.
struct Demand {
  struct Choice {
    std::uint16_t expert = 0;
    std::uint16_t rank = 0;  ///< 1 = first choice; ties: the best a chosen, the worst a refused one can have
  };
  std::vector<Choice> kept;
  std::vector<Choice> refused;  ///< certainly wanted
  std::vector<Choice> tied;     ///< of these, `tied_refused` were wanted: ties hide which
  std::size_t tied_refused = 0;
  bool possible = true;       ///< false: it got an expert that is not among its k best
  std::size_t offending = 0;  ///< that expert
};

/// Reads rows one after another without allocating anew.
class DemandReader {
 public:
  /// `ranks` false leaves all ranks 0: who does not need them saves the counting.
  DemandReader(std::size_t experts, std::size_t k, bool ranks = true)
      : k_(k), ranks_(ranks), keys_(experts), left_(experts) {}
  const Demand& read(const float* scores, const std::uint8_t* mask);

 private:
  void read_kept(const float* scores, const std::uint8_t* mask);
  void read_refused(std::size_t wanted);
  std::uint16_t rank_above(std::int32_t key) const;
  std::uint16_t rank_through(std::int32_t key) const;

  std::size_t k_;
  bool ranks_;
  std::vector<std::int32_t> keys_;    // (experts)
  std::vector<std::int32_t> left_;    // (experts) keys of what was left out, else the lowest
  std::vector<std::int32_t> sorted_;  // (experts) scratch
  std::int32_t lowest_kept_ = 0;
  Demand demand_;
};

}  // namespace pastonly::routing::hypotheses
