#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/trace.h"
#include "subject/evidence.h"

namespace pastonly {

/// One way of routing whose loss can be asked for: the subject's own rule, in order or shuffled, or another.
struct Routed {
  enum class By { own, own_shuffled, rule } by = By::own;
  std::string rule;  ///< by rule: "id,key=value,..."
  std::string name(const std::string& own) const;
};

/// Losses of batches [first, first + count) that a live subject draws beyond its plan, routed in one way.
Expected<std::vector<Trace>> fresh_runs(Evidence& evidence, const Routed& routed, std::size_t first,
                                        std::size_t count);
/// Of the recorded base, routed in one way: the base itself, its shuffle, or its reroute to that very rule.
/// Empty where nobody recorded it.
Expected<std::vector<Trace>> recorded_runs(Evidence& evidence, const Routed& routed);

/// Mean bits per token of one run less those of another on the same tokens, one value for every independent
/// unit: a batch where there are several (rows of a batch share its routing), else a row. Tokens without a
/// finite log-probability in both are left out; units without tokens too.
std::vector<double> loss_differences(std::span<const Trace> more, std::span<const Trace> less);
/// Mean bits per token over all tokens; NaN without any.
double mean_loss(std::span<const Trace> runs);

}  // namespace pastonly
