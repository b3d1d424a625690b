#pragma once

#include <string_view>

// The ids of all rules, for whoever means one of them. Reports, plans and `--rule` name rules by these.

namespace pastonly::routing::ids {

inline constexpr std::string_view top_k = "top-k";
inline constexpr std::string_view biased_top_k = "biased-top-k";
inline constexpr std::string_view biased_top_k_same_batch = "biased-top-k(same-batch)";
inline constexpr std::string_view biased_top_k_prefix = "biased-top-k(prefix)";
inline constexpr std::string_view group_limited_top_k = "group-limited-top-k";
inline constexpr std::string_view noisy_top_k = "noisy-top-k";
inline constexpr std::string_view switch_capacity = "switch-capacity";
inline constexpr std::string_view token_major_capacity = "token-major-capacity";
inline constexpr std::string_view fixed_capacity = "fixed-capacity";
inline constexpr std::string_view gshard_top_2 = "gshard-top-2";
inline constexpr std::string_view gshard_top_2_random_second = "gshard-top-2(random-second)";
inline constexpr std::string_view batch_priority = "batch-priority";
inline constexpr std::string_view drop_by_score = "drop-by-score";
inline constexpr std::string_view rank_capacity = "rank-capacity";
inline constexpr std::string_view random_token = "random-token";
inline constexpr std::string_view unstable_capacity = "unstable-capacity";
inline constexpr std::string_view expert_choice = "expert-choice";
inline constexpr std::string_view expert_choice_shuffled = "expert-choice(shuffled)";
inline constexpr std::string_view expert_choice_streaming = "expert-choice(streaming)";
inline constexpr std::string_view expert_threshold = "expert-threshold";
inline constexpr std::string_view sequence_top_k = "sequence-top-k";
inline constexpr std::string_view sequence_top_k_streaming = "sequence-top-k(streaming)";
inline constexpr std::string_view sinkhorn = "sinkhorn";
inline constexpr std::string_view assignment = "assignment";
inline constexpr std::string_view next_choice = "next-choice";
inline constexpr std::string_view mixture_of_depths = "mixture-of-depths";
inline constexpr std::string_view mixture_of_depths_predictor = "mixture-of-depths(predictor)";
inline constexpr std::string_view column_normalised_gate = "column-normalised-gate";
inline constexpr std::string_view soft_moe = "soft-moe";
inline constexpr std::string_view quantile_balancing = "quantile-balancing";
inline constexpr std::string_view k_means = "k-means";
inline constexpr std::string_view k_means_same_batch = "k-means(same-batch)";
inline constexpr std::string_view expert_autonomy = "expert-autonomy";
inline constexpr std::string_view hash = "hash";

}  // namespace pastonly::routing::ids
