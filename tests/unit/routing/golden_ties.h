#pragma once

#include <cstddef>
#include <vector>

/// How an implementation resolved exact ties inside a token's scores.
enum class TieBreak {
  lower_index,        ///< argmax, stable sorts
  kernel,             ///< torch.topk on the CPU: nth_element, then a sort of the winners
  kernel_one_by_one,  ///< the same for k = 1, repeated with the winner set to zero (lucidrains)
};

/// The scores (tokens, experts) with tied ones moved apart by single ulps, so that a rule that breaks
/// ties towards the lower index ranks them as the implementation did.
std::vector<float> resolve_ties(const std::vector<float>& scores, std::size_t experts, std::size_t k,
                                TieBreak how);
