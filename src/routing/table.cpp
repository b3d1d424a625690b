#include <array>

#include "pastonly/routing_rule.h"
#include "routing/rules/make.h"

namespace pastonly {

namespace {

using namespace routing;

// Each row: id, title, semantics, used in, why, instead, ties, parameters with their defaults, usual
// dependence, maker. docs/rules holds a page for each; a test compares the two.
constexpr std::array table = {
    RuleInfo{"top-k", "Dropless token choice",
             "Every token goes to its k experts of largest score. No expert turns a token away.",
             "Mixtral, OLMoE, Qwen MoE, DeepSeek-V2 without groups, gpt-oss, Llama 4 (transformers); "
             "Megatron with moe_expert_capacity_factor unset (its default); DeepSpeed "
             "drop_tokens=False; tutel capacity_factor=0; megablocks dMoE, OLMo-core name=dropless.",
             "A token's outcome is a function of its own scores. Nothing of other tokens enters.", "",
             "lower expert", "k", Dependence{}, make_top_k},
    RuleInfo{"biased-top-k", "Loss-free balancing",
             "Every token goes to the k experts of largest s + b. The bias b moves by update_rate "
             "after each batch, down for experts with more than the mean load and up for those with "
             "less. The gate is taken from s, never from s + b.",
             "DeepSeek-V3 (e_score_correction_bias); Megatron moe_router_enable_expert_bias; loss-free "
             "balancing.",
             "Within a batch b is a constant: it was fixed by earlier batches.", "", "lower expert",
             "k bias=0 update_rate=0", Dependence{}, make_biased_top_k},
    RuleInfo{"biased-top-k(same-batch)", "Loss-free balancing with the bias of the same batch",
             "As biased-top-k, but the batch's own loads move b (updates times, by update_rate) before "
             "b selects.",
             "A mistake in home-grown loss-free balancing: the update stands before the selection.",
             "The loads of the whole batch, later tokens and other sequences included, decide the bias "
             "that each token meets.",
             "biased-top-k: update the bias after the step, from what has been routed.", "lower expert",
             "k bias=0 update_rate=0.001 updates=1 scope=batch order",
             Dependence{.future = true, .batch = true, .length = true}, make_same_batch_bias},
    RuleInfo{"group-limited-top-k", "Group-limited token choice",
             "Experts stand in equal groups. A token first takes its topk_groups best groups, by their "
             "largest score (group_score=max) or the sum of their two largest (top2), then its k best "
             "experts inside them, by s + bias. Experts of other groups count as minus infinity "
             "(group_mask=inf) or as 0 (zero), which differs where s + b is negative.",
             "DeepSeek-V2 (max), DeepSeek-V3 (top2; the reference code masks with minus infinity, "
             "transformers with 0); Megatron moe_router_num_groups and moe_router_group_topk.",
             "Groups and experts are chosen from the token's own scores.", "", "lower group, lower expert",
             "k groups topk_groups group_score=top2 group_mask=inf bias=0", Dependence{},
             make_group_limited_top_k},
    RuleInfo{"noisy-top-k", "Noisy token choice",
             "Every token goes to the k experts of largest s + eps * softplus(noise), eps standard "
             "normal, drawn for each token and position.",
             "Shazeer et al. 2017; switch jitter (router_jitter_noise, moe_input_jitter_eps) and "
             "DeepSpeed noisy_gate_policy are relatives.",
             "The noise belongs to the token. It makes outcomes a matter of chance, not of other "
             "tokens. One noise stream drawn over a padded batch can tie a token to the batch's shape: "
             "draw per token and position.",
             "", "lower expert", "k noise=0", Dependence{.chance = true}, make_noisy_top_k},
    RuleInfo{"switch-capacity", "Switch capacity, first come first served",
             "Every token goes to its best expert. An expert keeps the first C tokens that choose it, "
             "in the order of the flattened batch.",
             "Switch Transformer; mesh switch; fairseq moe_top1_expert; tutel k=1; ColossalAI top-1 "
             "first; flaxformer with one selected expert.",
             "Only earlier tokens of the flattened batch take slots, so the future of a sequence does "
             "not enter. Other sequences do, and C follows from the number of tokens.",
             "fixed-capacity for each sequence, or top-k without drops.", "lower expert",
             "k=1 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order",
             Dependence{.batch = true, .order = true, .length = true}, make_switch_capacity},
    RuleInfo{"token-major-capacity", "Token choice with capacity, first come first served",
             "All k choices of a token take their slots before those of the next token. An expert "
             "keeps the first C.",
             "megablocks moe_capacity_factor>0; Megatron moe_token_drop_policy=position; DeepSpeed "
             "top-k drop_policy=position; fastmoe in index order; maxtext capacity_factor>0.",
             "Only earlier tokens of the flattened batch take slots. Other sequences do enter, and C "
             "follows from the number of tokens. In Megatron's sequence-major order the earlier time "
             "steps of all sequences go first.",
             "fixed-capacity for each sequence, or top-k without drops.", "lower expert",
             "k capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order",
             Dependence{.batch = true, .order = true, .length = true}, make_token_major_capacity},
    RuleInfo{"fixed-capacity", "Fixed capacity per sequence",
             "As token-major-capacity with a constant C, each sequence on its own.",
             "transformers Switch Transformers (expert_capacity) before version 5.",
             "Only earlier tokens of the same sequence take slots, and C is a constant: nothing else "
             "can enter.",
             "", "lower expert", "k=1 capacity scope=sequence order", Dependence{}, make_fixed_capacity},
    RuleInfo{"gshard-top-2", "GShard: all first choices before any second",
             "Choice-major capacity for any k of at least 2: all first choices take slots before any "
             "second choice, all second before any third. An expert keeps the first C.",
             "GShard; DeepSpeed k=2; fairscale; fairseq top-2; tutel k>=2 with capacity_factor>0; "
             "NLLB-MoE; vmoe; flaxformer num_selected_experts>=2; mesh top_2; ColossalAI top-2; "
             "st-moe-pytorch.",
             "A later token's first choice takes the slot that an earlier token's second choice would "
             "have had.",
             "top-k without drops, or token-major-capacity, where a token's choices only wait for "
             "earlier tokens.",
             "lower expert",
             "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order",
             Dependence{.future = true, .batch = true, .order = true, .length = true}, make_gshard},
    RuleInfo{"gshard-top-2(random-second)", "GShard with a second choice left to chance",
             "As gshard-top-2 with k=2. second=kept: the second choice is offered with probability "
             "min(1, g2 / threshold), g2 its gate normalised over both. second=drawn: it is drawn "
             "among the other experts in proportion to their weights (Gumbel noise on the logits).",
             "mesh and lucidrains second_policy random (threshold 0.2), fairseq "
             "moe_second_expert_policy random (threshold 0.5); DeepSpeed top2_2nd_expert_sampling "
             "(default), fairscale and fairseq sampling (drawn).",
             "As gshard-top-2. The chance itself belongs to the token and adds no dependence on "
             "others.",
             "top-k without drops, or token-major-capacity.", "lower expert",
             "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity second=kept "
             "threshold=0.5 input=probabilities scope=batch order",
             Dependence{.future = true, .batch = true, .order = true, .length = true, .chance = true},
             make_gshard_random_second},
    RuleInfo{"batch-priority", "Batch-prioritised routing",
             "Tokens are sorted by their largest score. In that order all first choices take slots, "
             "then all second choices, and so on.",
             "vmoe batch_priority; tutel and fairseq batch_prioritized_routing; flaxformer "
             "batch_prioritized_routing; NLLB-MoE option.",
             "A later token with a larger score stands before an earlier one and takes its slot.",
             "top-k without drops, or token-major-capacity.",
             "lower token, lower expert; among sequences this is the one way their order enters",
             "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order",
             Dependence{.future = true, .batch = true, .length = true}, make_batch_priority},
    RuleInfo{"drop-by-score", "Capacity that drops the lowest scores",
             "Every token chooses its k best experts. Each expert then keeps the C choices of largest "
             "score (rank=score), or of largest score divided by the sum of the token's selected "
             "scores (rank=renormalised).",
             "Megatron moe_token_drop_policy=probs, its default once moe_expert_capacity_factor is set "
             "(renormalised); DeepSpeed k>2 (score); mesh switch_max; NeMo MegatronTokenDropCallback; "
             "the training of DeepSeek-V2.",
             "Whether a token stays depends on every other token that chose the expert, later ones "
             "included.",
             "top-k without drops (capacity factor unset), or token-major-capacity.",
             "lower token, lower expert; among sequences this is the one way their order enters",
             "k capacity|capacity_factor capacity_formula=megatron min_capacity rank=score scope=batch "
             "order",
             Dependence{.future = true, .batch = true, .length = true}, make_drop_by_score},
    RuleInfo{"random-token", "Random token selection",
             "Every token chooses its k best experts. Each expert keeps C of the tokens that chose it, "
             "at random.",
             "DeepSpeed top-1 use_rts=True (default); ColossalAI select_policy=random.",
             "How many tokens compete for the slots, later ones included, decides each token's chance. "
             "Even for equal draws a later token can take the slot.",
             "top-k without drops, or token-major-capacity.", "larger draw; lower expert among equal scores",
             "k=1 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order",
             Dependence{.future = true, .batch = true, .order = true, .length = true, .chance = true},
             make_random_token},
    RuleInfo{"unstable-capacity", "Capacity by an unstable sort",
             "Each expert asks for the C largest entries of its column of zeros and ones. All tokens "
             "that chose it tie, and the kernel decides which stay. Modelled on the quickselect that "
             "PyTorch runs on the CPU.",
             "DeepSpeed top-1 use_rts=False and Megatron position, where torch.topk breaks the ties; "
             "OLMo-core name=default (unstable sort).",
             "Which of the tied tokens stay depends on where all ones of the column stand, later "
             "tokens included. Meant as first come, first served, but nothing guarantees it.",
             "top-k without drops, or a stable sort (token-major-capacity).",
             "left to the kernel; lower expert among equal scores",
             "k=1 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order",
             Dependence{.future = true, .batch = true, .order = true, .length = true},
             make_unstable_capacity},
    RuleInfo{"expert-choice", "Expert choice",
             "The tokens, in order, are cut into chunks. In each chunk of w tokens every expert takes "
             "the C tokens of largest score, C = max(1, floor(k w / N)) or as a capacity says. Without "
             "a chunk all tokens routed together are one.",
             "Expert choice (Zhou et al. 2022); flaxformer ExpertsChooseMaskedRouter; vmoe top items "
             "per expert; mesh expert_selection.",
             "A token is taken if few enough tokens of its chunk score higher, and the later ones "
             "count.",
             "top-k with a bias or an auxiliary loss; expert-choice(streaming) keeps the idea and "
             "looks back only.",
             "lower token; among sequences of one chunk this is one way their order enters",
             "k|capacity|capacity_factor capacity_formula=megatron min_capacity chunk scope=batch "
             "order",
             Dependence{.future = true, .batch = true, .length = true}, make_expert_choice},
    RuleInfo{"expert-choice(shuffled)", "Expert choice on shuffled tokens",
             "As expert-choice, after a random permutation of all tokens that are routed together.",
             "A mitigation: the chunk's other tokens become a random sample of the batch.",
             "A token still competes with later tokens of its sequence that fall into its chunk. What "
             "it learns of them is harder to use, not gone.",
             "top-k, or expert-choice(streaming).", "lower token",
             "k|capacity|capacity_factor capacity_formula=megatron min_capacity chunk scope=batch "
             "order",
             Dependence{.future = true, .batch = true, .order = true, .length = true, .chance = true},
             make_expert_choice_shuffled},
    RuleInfo{"expert-choice(streaming)", "Streaming expert choice",
             "Token t of a chunk (from 0) is taken by an expert if its score ranks among the best "
             "ceil(R (t + 1)) of the tokens 0..t of the chunk, R = k/N.",
             "What a deployment of expert choice can do: it needs no token that has not come yet.",
             "Only earlier tokens of the chunk are compared. Where a chunk runs over several rows of a "
             "flattened batch, earlier rows enter.",
             "", "the earlier token ranks first", "k chunk scope=sequence order", Dependence{},
             make_expert_choice_streaming},
    RuleInfo{"expert-threshold", "Threshold per expert",
             "A token goes to every expert i with s_i > theta_i. The thresholds come from earlier "
             "batches.",
             "Threshold or moving-average counterparts of expert choice; ReLU and top-p relatives.",
             "Own scores against constants.", "", "equal to the threshold is not above it", "thresholds",
             Dependence{}, make_expert_threshold},
    RuleInfo{"sinkhorn", "Sinkhorn balancing",
             "The matrix of exp(logits) over all tokens is scaled until every token weighs 1/T and "
             "every expert 1/N. Every token goes to its k largest entries of the balanced matrix. The "
             "iteration stops when the column factors move by no more than tolerance on average, or "
             "after iterations.",
             "Megatron moe_router_load_balancing_type=sinkhorn in training (tolerance 1e-4; evaluation "
             "is top-k of the raw scores).",
             "The column factors are sums over all tokens of the batch.",
             "top-k with an auxiliary loss or a loss-free bias.", "lower expert",
             "k=1 tolerance=0.0001 iterations=10000 input=logits scope=batch order",
             Dependence{.future = true, .batch = true, .length = true}, make_sinkhorn},
    RuleInfo{"assignment", "Balanced assignment (BASE layers)",
             "An auction gives every token to one expert and exactly T/N tokens to every expert, near "
             "the largest total score. Where N does not divide T, some experts take one fewer.",
             "fairseq BaseLayer in training (evaluation is greedy).",
             "One assignment is solved for all tokens at once: any token can displace any other.",
             "top-k with an auxiliary loss or a loss-free bias.", "lower token, lower expert",
             "scope=batch order", Dependence{.future = true, .batch = true, .length = true}, make_assignment},
    RuleInfo{"next-choice", "No token left behind",
             "Each token is kept at most once. Round j offers the tokens that are still without a "
             "place, in order, their j-th choice. Slots filled stay filled. After k rounds the rest is "
             "dropped.",
             "mesh ntlb.",
             "A later token's first choice can fill the expert that an earlier token turns to in the "
             "second round. Rare: two experts must overflow.",
             "token-major-capacity, or top-k without drops.", "lower expert",
             "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order",
             Dependence{.future = true, .batch = true, .order = true, .length = true}, make_next_choice},
    RuleInfo{"mixture-of-depths", "Mixture of depths",
             "A block processes the int(capacity_factor S) tokens of largest score of each sequence, "
             "at least one; the others pass it by. strict: only those above the smallest of them.",
             "Mixture-of-Depths training and its public reimplementations.",
             "Whether a token is processed depends on the scores of all later tokens of its sequence.",
             "mixture-of-depths(predictor), in training as well.", "lower token",
             "capacity|capacity_factor=0.125 strict=false scope=sequence order",
             Dependence{.future = true, .length = true}, make_mixture_of_depths},
    RuleInfo{"mixture-of-depths(predictor)", "Mixture of depths by a predictor",
             "A token is processed if the auxiliary predictor's logit exceeds the threshold; 0 is a "
             "probability of one half.",
             "Mixture-of-Depths in evaluation.",
             "Own score against a constant. A model trained with mixture-of-depths still learned under "
             "the other rule.",
             "", "equal to the threshold is not above it", "threshold=0", Dependence{}, make_depth_predictor},
    RuleInfo{"column-normalised-gate", "Gate divided by a sum over tokens",
             "Every token goes to its k best experts. Its gate is divided by the sum of the masked "
             "scores of the same expert over all tokens of the batch.",
             "kyegomez SwitchTransformers SwitchGate.",
             "The mask is a token's own. Every gate carries the scores of all tokens that chose the "
             "same expert.",
             "Normalise the gate over the token's own experts.", "lower expert", "k=1",
             Dependence{.future = true, .batch = true, .length = true}, make_column_normalised_gate},
    RuleInfo{"soft-moe", "Soft mixture of experts",
             "Every expert processes weighted means of all tokens. The dispatch weights are a softmax "
             "over tokens, so the mask is full and the weights carry everything.",
             "Soft MoE (Puigcerver et al. 2023).",
             "Each dispatch weight has all tokens in its denominator, and each slot mixes them.",
             "top-k: there is no causal form of mixing tokens.", "none: nothing is selected",
             "scope=batch order", Dependence{.future = true, .batch = true, .length = true}, make_soft_moe},
    RuleInfo{"quantile-balancing", "Quantile balancing",
             "Every token goes to the k experts of largest s - theta. The next thresholds are the load "
             "quantiles of the batch that has been routed.",
             "Megatron moe_router_load_balancing_type=quantile_balancing.",
             "Within a batch the thresholds are constants: they come from the previous batch.", "",
             "lower expert", "k thresholds=0", Dependence{}, make_quantile_balancing},
    RuleInfo{"k-means", "Online k-means routing",
             "Every token goes to the k experts whose running means are closest by cosine. The means "
             "follow what has been routed, after the batch.",
             "Online k-means routers.",
             "Within a batch the means are constants. Given the scores it is top-k.", "", "lower expert", "k",
             Dependence{}, make_k_means},
    RuleInfo{"k-means(same-batch)", "Online k-means with the means of the same batch",
             "As k-means, but the batch's own tokens move the means before the scores are taken. Given "
             "those scores it is top-k.",
             "A mistake in online k-means routers: the update stands before the scoring.",
             "The scores contain the means, and those contain all tokens of the batch. Selection adds "
             "nothing: the source is of kind scoring.",
             "k-means: update the means after the step.", "lower expert", "k",
             Dependence{.future = true, .batch = true, .length = true}, make_k_means_same_batch},
    RuleInfo{"expert-autonomy", "Autonomy of experts",
             "Every token goes to the k experts with the largest norm of their own first activation. "
             "The norms are the scores.",
             "Autonomy-of-Experts (2025).", "The norms are computed from the token alone.", "",
             "lower expert", "k", Dependence{}, make_expert_autonomy},
    RuleInfo{"hash", "Hash layers",
             "A fixed table gives the k experts of a token id. Without table it is drawn once from "
             "table_seed. Where token ids are unknown the recorded scores stand in for the table.",
             "Hash layers (Roller et al. 2021).", "A function of the token id alone.", "",
             "none: the table decides", "k=1 table|table_seed=0", Dependence{}, make_hash},
};

}  // namespace

std::span<const RuleInfo> routing_rules() noexcept { return table; }

}  // namespace pastonly
