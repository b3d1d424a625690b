#pragma once

#include <string>
#include <string_view>

// Names that checks write and others read: the judge, the report's tables, policies, and whoever reads
// reports. Their meaning stands in docs/checks. They are `const char*` for they become std::string as often
// as std::string_view.

/// Checks that other files than their own name: what stands here is special, and says why.
namespace pastonly::check_id {

inline constexpr const char* causal_mask = "causal-mask";        ///< a pass rests on its interventions
inline constexpr const char* source_floor = "source-floor";      ///< the lab asks it of the whole experiment
inline constexpr const char* loss_anomaly = "loss-anomaly";      ///< asked of training logs as well
inline constexpr const char* forensic_sweep = "forensic-sweep";  ///< has a table of its own
inline constexpr const char* same_routes = "same-routes";  ///< asked of two recordings, and of nothing else

}  // namespace pastonly::check_id

/// Measurement::name.
namespace pastonly::measurement {

// Comparisons of runs (src/comparison/tally.h).
inline constexpr const char* flip_rate_decisions = "flip_rate_decisions";
inline constexpr const char* flip_rate_routes = "flip_rate_routes";
inline constexpr const char* run_flip_rate = "run_flip_rate";
inline constexpr const char* moved_scores = "moved_scores";
inline constexpr const char* rounding_flips = "rounding_flips";
inline constexpr const char* moved_log_probs = "moved_log_probs";
inline constexpr const char* largest_log_prob_change = "largest_log_prob_change";
inline constexpr const char* several_rows_flip_rate_decisions = "several_rows_flip_rate_decisions";
inline constexpr const char* stream_flip_rate_decisions = "stream_flip_rate_decisions";
inline constexpr const char* trial_rate = "trial_rate";
inline constexpr const char* moved_after_cut = "moved_after_cut";

// Rules applied again to recorded scores.
inline constexpr const char* shuffled_flip_rate = "shuffled_flip_rate";
inline constexpr const char* streaming_flip_rate = "streaming_flip_rate";
inline constexpr const char* rechunked_flip_rate = "rechunked_flip_rate";  ///< [chunk size]
inline constexpr const char* layers_left_out = "layers_left_out";

// What a trace shows.
inline constexpr const char* contradictions = "contradictions";
inline constexpr const char* oddities = "oddities";
inline constexpr const char* hazard = "hazard";  ///< [kind]: how often, an amount
inline constexpr const char* filler_pairs = "filler_pairs";
inline constexpr const char* explained = "explained";
inline constexpr const char* declared_explained = "declared_explained";
inline constexpr const char* judged_layers = "judged_layers";
inline constexpr const char* gates_explained_by_score = "gates_explained_by_score";
inline constexpr const char* experts_per_token = "experts_per_token";
inline constexpr const char* counted_capacity = "counted_capacity";
inline constexpr const char* second_choice_capacity = "second_choice_capacity";
inline constexpr const char* future_decided = "future_decided";
inline constexpr const char* future_reach_median = "future_reach_median";
inline constexpr const char* future_reach_max = "future_reach_max";
inline constexpr const char* max_violation = "max_violation";
inline constexpr const char* max_violation_over_runs = "max_violation_over_runs";
inline constexpr const char* max_violation_over_time = "max_violation_over_time";
inline constexpr const char* load_variation = "load_variation";
inline constexpr const char* load_entropy = "load_entropy";
inline constexpr const char* hot_experts = "hot_experts";
inline constexpr const char* idle_experts = "idle_experts";
inline constexpr const char* explained_by = "explained_by";  ///< [label]
inline constexpr const char* token_table_hits = "token_table_hits";
inline constexpr const char* popular_hits = "popular_hits";
inline constexpr const char* prefetch_hits = "prefetch_hits";  ///< [predictor, multiple of K]
inline constexpr const char* prefetch_gain = "prefetch_gain";
inline constexpr const char* rerouted = "rerouted";
inline constexpr const char* missing_routes = "missing_routes";
inline constexpr const char* affinity_lost = "affinity_lost";
inline constexpr const char* lowest_dropped = "lowest_dropped";
inline constexpr const char* lowest_dropped_by_chance = "lowest_dropped_by_chance";
inline constexpr const char* changed_token_loss = "changed_token_loss";
inline constexpr const char* drop_rate = "drop_rate";
inline constexpr const char* drop_rate_by = "drop_rate_by";  ///< [tag]
inline constexpr const char* capacity_slots = "capacity_slots";
inline constexpr const char* used_slots = "used_slots";
inline constexpr const char* drop_rate_batch_start = "drop_rate_batch_start";
inline constexpr const char* drop_rate_batch_end = "drop_rate_batch_end";
inline constexpr const char* drop_trend_batch = "drop_trend_batch";
inline constexpr const char* drop_rate_sequence_start = "drop_rate_sequence_start";
inline constexpr const char* drop_rate_sequence_end = "drop_rate_sequence_end";
inline constexpr const char* drop_trend_sequence = "drop_trend_sequence";
inline constexpr const char* unrouted_tokens = "unrouted_tokens";

// What weights show.
inline constexpr const char* router_norm = "router_norm";
inline constexpr const char* router_norm_smallest = "router_norm_smallest";
inline constexpr const char* router_norm_largest = "router_norm_largest";
inline constexpr const char* router_cosine = "router_cosine";
inline constexpr const char* router_cosine_magnitude = "router_cosine_magnitude";
inline constexpr const char* router_cosine_largest = "router_cosine_largest";
inline constexpr const char* router_separation = "router_separation";
inline constexpr const char* router_separation_smallest = "router_separation_smallest";
inline constexpr const char* router_common_share = "router_common_share";
inline constexpr const char* router_plane_share = "router_plane_share";
inline constexpr const char* rows_won = "rows_won";                              ///< [what]
inline constexpr const char* rows_won_p = "rows_won_p";                          ///< [what]
inline constexpr const char* columns_won = "columns_won";                        ///< [what]
inline constexpr const char* rows_won_rescaled = "rows_won_rescaled";            ///< [what]
inline constexpr const char* columns_won_rescaled = "columns_won_rescaled";      ///< [what]
inline constexpr const char* own_excess = "own_excess";                          ///< [what]
inline constexpr const char* own_excess_p = "own_excess_p";                      ///< [what]
inline constexpr const char* coupling_loss = "coupling_loss";                    ///< [alpha]
inline constexpr const char* coupling_loss_relative = "coupling_loss_relative";  ///< [alpha]
inline constexpr const char* coupling_cost = "coupling_cost";                    ///< [tokens of a step]
inline constexpr const char* coupling_cost_tokens = "coupling_cost_tokens";

// Information about later tokens.
inline constexpr const char* differing_futures = "differing_futures";
inline constexpr const char* collision_information = "collision_information";
inline constexpr const char* future_information = "future_information";
inline constexpr const char* futures_per_prefix = "futures_per_prefix";
inline constexpr const char* repeated_prefixes = "repeated_prefixes";
inline constexpr const char* decoded_bits = "decoded_bits";
inline constexpr const char* decoding_sample = "decoding_sample";
inline constexpr const char* log2_e_value = "log2_e_value";
inline constexpr const char* causal_gain = "causal_gain";  ///< on a source, of its tokens' own past
inline constexpr const char* log2_e_supremum = "log2_e_supremum";

// Losses.
inline constexpr const char* loss_bits = "loss_bits";
inline constexpr const char* leak_bits = "leak_bits";
inline constexpr const char* source_entropy = "source_entropy";
inline constexpr const char* loss_in_order = "loss_in_order";
inline constexpr const char* loss_shuffled = "loss_shuffled";
inline constexpr const char* loss_streaming = "loss_streaming";
inline constexpr const char* loss_top_k = "loss_top_k";
inline constexpr const char* loss_twin = "loss_twin";
inline constexpr const char* reliance = "reliance";
inline constexpr const char* streaming_gap = "streaming_gap";
inline constexpr const char* top_k_gap = "top_k_gap";
inline constexpr const char* twin_gap = "twin_gap";
inline constexpr const char* loss_change = "loss_change";                      ///< [rule]
inline constexpr const char* rechunked_loss_change = "rechunked_loss_change";  ///< [chunk size]
inline constexpr const char* loss = "loss";                                    ///< [rule]
inline constexpr const char* drop = "drop";  ///< [rule], or [arm against arm]
inline constexpr const char* loss_causal = "loss_causal";
inline constexpr const char* drop_below_causal = "drop_below_causal";
inline constexpr const char* drop_below_company = "drop_below_company";
inline constexpr const char* sweep_limit = "sweep_limit";  ///< the judge asks it of checkpoints
inline constexpr const char* drop_below_shuffled = "drop_below_shuffled";
inline constexpr const char* final_loss = "final_loss";                ///< [arm]
inline constexpr const char* decline = "decline";                      ///< [arm]
inline constexpr const char* steps_to_baseline = "steps_to_baseline";  ///< [arm]
inline constexpr const char* chunk_trend = "chunk_trend";

// Two recordings of the same tokens (src/comparison/agreement.h).
inline constexpr const char* tokens_compared = "tokens_compared";
inline constexpr const char* routes_kept = "routes_kept";
inline constexpr const char* routes_by_chance = "routes_by_chance";
inline constexpr const char* same_experts = "same_experts";
inline constexpr const char* score_drift = "score_drift";
inline constexpr const char* near_ties = "near_ties";
inline constexpr const char* differing_tokens = "differing_tokens";
inline constexpr const char* lost_routes = "lost_routes";
inline constexpr const char* differing_gates = "differing_gates";
inline constexpr const char* gate_difference = "gate_difference";
inline constexpr const char* log_prob_distance = "log_prob_distance";
inline constexpr const char* compared_loss_change = "compared_loss_change";
inline constexpr const char* unseen_share = "unseen_share";

/// A figure of one of several: "drop[expert-choice,k=2]".
inline std::string of(std::string_view name, std::string_view label) {
  return std::string(name) + "[" + std::string(label) + "]";
}

/// The label of a difference between two arms.
inline std::string against(std::string_view arm, std::string_view other) {
  return std::string(arm) + " against " + std::string(other);
}

}  // namespace pastonly::measurement

/// Claim::id; a policy says CHECK/CLAIM.
namespace pastonly::claim {

inline constexpr const char* flip = "flip";
inline constexpr const char* future_or_batch = "future-or-batch";
inline constexpr const char* change = "change";
inline constexpr const char* rounding = "rounding";
inline constexpr const char* stochastic = "stochastic";
inline constexpr const char* within_noise = "within-noise";
inline constexpr const char* numerical = "numerical";
inline constexpr const char* unsettled = "unsettled";
inline constexpr const char* broken_repeat = "broken-repeat";
inline constexpr const char* unrecorded_decisions = "unrecorded-decisions";
inline constexpr const char* unanswered = "unanswered";
inline constexpr const char* noise_by_place = "noise-by-place";
inline constexpr const char* leaky_rule = "leaky-rule";
inline constexpr const char* unexplained = "unexplained";
inline constexpr const char* broken_declaration = "broken-declaration";
inline constexpr const char* moving_state = "moving-state";
inline constexpr const char* biased_gate = "biased-gate";
inline constexpr const char* contradiction = "contradiction";
inline constexpr const char* oddity = "oddity";
inline constexpr const char* own_code = "own-code";
inline constexpr const char* idle_expert = "idle-expert";
inline constexpr const char* token_bound = "token-bound";
inline constexpr const char* same_rows = "same-rows";
inline constexpr const char* dead_row = "dead-row";
inline constexpr const char* uncoupled = "uncoupled";
inline constexpr const char* drop_rate = "drop-rate";
inline constexpr const char* routing_leak = "routing-leak";
inline constexpr const char* decodable = "decodable";
inline constexpr const char* below_entropy = "below-entropy";
inline constexpr const char* unlike_source = "unlike-source";
inline constexpr const char* unproven_gain = "unproven-gain";
inline constexpr const char* used_leak = "used-leak";
inline constexpr const char* reliance = "reliance";
inline constexpr const char* streaming_gap = "streaming-gap";
inline constexpr const char* twin_gap = "twin-gap";
inline constexpr const char* anomalous_loss = "anomalous-loss";
inline constexpr const char* chunk_drop = "chunk-drop";
inline constexpr const char* lone_run = "lone-run";
inline constexpr const char* short_run = "short-run";
inline constexpr const char* route_mismatch = "route-mismatch";
inline constexpr const char* lost_routes = "lost-routes";
inline constexpr const char* near_ties = "near-ties";
inline constexpr const char* gate_mismatch = "gate-mismatch";
inline constexpr const char* loss_mismatch = "loss-mismatch";
inline constexpr const char* unsound_record = "unsound-record";
inline constexpr const char* unpaired = "unpaired";
inline constexpr const char* aligned = "aligned";

inline constexpr std::string_view all[] = {
    flip,           future_or_batch, change,        rounding,       stochastic,
    within_noise,   numerical,       unsettled,     broken_repeat,  unrecorded_decisions,
    unanswered,     noise_by_place,  leaky_rule,    unexplained,    broken_declaration,
    moving_state,   biased_gate,     contradiction, oddity,         own_code,
    idle_expert,    drop_rate,       routing_leak,  decodable,      below_entropy,
    unlike_source,  used_leak,       reliance,      streaming_gap,  twin_gap,
    anomalous_loss, chunk_drop,      lone_run,      token_bound,    unproven_gain,
    same_rows,      dead_row,        uncoupled,     route_mismatch, lost_routes,
    near_ties,      gate_mismatch,   loss_mismatch, unsound_record, unpaired,
    aligned,        short_run};

/// What is said of noise, or of the recording alone, accuses nobody: a note, unless a policy names it.
inline bool is_about_noise(std::string_view id) {
  return id == rounding || id == stochastic || id == within_noise || id == numerical || id == unsettled ||
         id == noise_by_place || id == broken_repeat || id == unrecorded_decisions || id == unanswered ||
         id == unlike_source || id == lone_run || id == short_run;
}

/// What something harmless would explain as well is no accusation: a warning at most, unless a policy names
/// it, and no pass.
inline bool is_a_suspicion(std::string_view id) { return id == unproven_gain; }

}  // namespace pastonly::claim
