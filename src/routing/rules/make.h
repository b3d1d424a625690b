#pragma once

#include <memory>

#include "pastonly/routing_rule.h"

// The makers of all rules; table.cpp lists them. Each stands in the file named.

namespace pastonly::routing {

using Made = Expected<std::unique_ptr<RoutingRule>>;

// token_choice.cpp: selection is top-k of the scores, plus a constant offset per expert
Made make_top_k(const Parameters&);
Made make_biased_top_k(const Parameters&);
Made make_quantile_balancing(const Parameters&);
Made make_k_means(const Parameters&);
Made make_k_means_same_batch(const Parameters&);
Made make_expert_autonomy(const Parameters&);
Made make_column_normalised_gate(const Parameters&);
Made make_same_batch_bias(const Parameters&);       // same_batch_bias.cpp
Made make_prefix_bias(const Parameters&);           // prefix_bias.cpp
Made make_group_limited_top_k(const Parameters&);   // group_limited.cpp
Made make_noisy_top_k(const Parameters&);           // noisy_top_k.cpp
Made make_switch_capacity(const Parameters&);       // first_come.cpp
Made make_token_major_capacity(const Parameters&);  // first_come.cpp
Made make_fixed_capacity(const Parameters&);        // first_come.cpp
Made make_gshard(const Parameters&);                // choice_major.cpp
Made make_gshard_random_second(const Parameters&);  // random_second.cpp
Made make_batch_priority(const Parameters&);        // choice_major.cpp
Made make_drop_by_score(const Parameters&);         // drop_by_score.cpp
Made make_rank_capacity(const Parameters&);         // rank_capacity.cpp
Made make_random_token(const Parameters&);          // random_token.cpp
Made make_unstable_capacity(const Parameters&);     // unstable_capacity.cpp
Made make_expert_choice(const Parameters&);         // expert_choice.cpp
Made make_expert_choice_shuffled(const Parameters&);
Made make_expert_choice_streaming(const Parameters&);  // streaming.cpp
Made make_expert_threshold(const Parameters&);         // threshold.cpp
Made make_sequence_top_k(const Parameters&);           // sequence_top_k.cpp
Made make_sequence_top_k_streaming(const Parameters&);
Made make_sinkhorn(const Parameters&);           // sinkhorn.cpp
Made make_assignment(const Parameters&);         // assignment.cpp
Made make_next_choice(const Parameters&);        // next_choice.cpp
Made make_mixture_of_depths(const Parameters&);  // mixture_of_depths.cpp
Made make_depth_predictor(const Parameters&);    // threshold.cpp
Made make_soft_moe(const Parameters&);           // soft_moe.cpp
Made make_hash(const Parameters&);               // hash_routing.cpp

/// What a maker returns once every parameter is read: the rule, or the first thing wrong.
template <class Reader>
Made finished(const Reader& reader, std::unique_ptr<RoutingRule> rule) {
  if (auto checked = reader.finish(); !checked) return tl::unexpected<Error>(checked.error());
  return rule;
}

}  // namespace pastonly::routing
