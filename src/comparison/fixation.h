#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "comparison/agreement.h"
#include "pastonly/error.h"
#include "pastonly/ids.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// How early the routes of a training run become those of its end. Its checkpoints come in order of training.
struct Fixation {
  static constexpr double settled_share = 0.9;

  struct Step {
    std::string name;
    Agreement with_last;
  };
  /// Of one layer: the first step from which on all agree with the last at `settled_share` and above;
  /// steps.size() where only the last does.
  struct Settled {
    LayerIndex layer{};
    std::size_t step = 0;
  };
  std::string last;
  std::vector<Step> steps;  ///< without the last
  std::vector<Settled> layers;
};

/// The routes kept beyond chance, over what there is beyond chance: 1 for equal routes, about 0 for unrelated
/// ones. 1 where chance keeps all.
double above_chance(const LayerAgreement& layer) noexcept;

/// Holds the traces of `names` against that of the last one. `open` gives the trace of a name's place; one
/// of them is held at a time beside the last. Errors: of `open` and of agreement(). Requires two names.
Expected<Fixation> fixation(const std::vector<std::string>& names,
                            const std::function<Expected<Trace>(std::size_t)>& open, double alpha,
                            std::uint64_t seed);

}  // namespace pastonly::comparison
