#pragma once

#include <map>
#include <vector>

#include "comparison/difference.h"
#include "evidence/observations.h"
#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// A base run, with what its repeats say of noise.
struct Reference {
  Trace base;
  std::vector<const Intervention*> repeats;
  Tolerances tolerances;  ///< of the base alone: no repeat widens them
  Tolerances cautious;    ///< what to hold against repeats, which show no rounding by the shapes of products
  bool stochastic = false;              ///< a repeat flips some decision that its moved scores do not explain
  std::vector<bool> stochastic_layers;  // (layers)
  std::vector<double> repeat_flip_rate;  // (layers) flips / decisions over all repeats, whatever their cause;
                                         // 0 without repeats
  std::vector<double> redraw_flip_rate;  // (layers) the same of redraws: what routing leaves to chance
  /// Repeats that score half of the first layer's tokens grossly otherwise, where another repeat moves none
  /// there beyond tolerance: noise does not choose among repeats, so these repeat something else.
  std::vector<std::uint32_t> broken;
};

/// References by base run, each made once.
class References {
 public:
  explicit References(evidence::Observations& observations) : evidence_(observations) {}
  /// The reference of the run that `run` changes. Errors as Observations::trace.
  Expected<const Reference*> of(const Intervention& run);

 private:
  evidence::Observations& evidence_;
  std::map<std::uint32_t, Reference> made_;
};

/// Every row in full.
std::vector<Region> all_rows(const Layout& layout);

}  // namespace pastonly::comparison
