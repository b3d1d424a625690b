#include <algorithm>
#include <array>

#include "pastonly/routing_rule.h"
#include "routing/rule_ids.h"
#include "routing/rule_traits.h"
#include "routing/rules/make.h"

namespace pastonly {

namespace {

using namespace routing;

struct RuleRow {
  RuleInfo info;
  RuleTraits traits;
};

// Each row: id, title, semantics, used in, why, instead, ties, parameters with their defaults, usual
// dependence, maker; then the traits. docs/rules holds a page for each; a test compares the two.
//
// Places of simplicity are explicit, since "simple" has no formula. Rules that determine every decision stand
// before those that chance or a free fit leaves open (from 26 on). Exact counts in every chunk are worth more
// than one threshold or offset per expert, which happens to give them only by chance.
constexpr std::array rows = {
    RuleRow{RuleInfo{ids::top_k, "Dropless token choice",
                     "Every token goes to the k experts with its largest scores. No expert drops a token.",
                     "Mixtral, OLMoE, Qwen MoE, DeepSeek-V2 without groups, gpt-oss, Llama 4 (transformers); "
                     "Megatron with moe_expert_capacity_factor unset (its default); DeepSpeed "
                     "drop_tokens=False; tutel capacity_factor=0; megablocks dMoE, OLMo-core name=dropless.",
                     "A token's routing is a function of its own scores. Other tokens have no influence.", "",
                     "lower expert", "k", Dependence{}, make_top_k},
            {.simplicity = 1, .asks = Asks::k, .mask_carries = MaskCarries::nothing}},
    RuleRow{RuleInfo{ids::biased_top_k, "Loss-free balancing",
                     "Every token goes to the k experts with the largest s + b, where s is the router score "
                     "and b a bias per expert. After each batch, the bias moves by update_rate: down for "
                     "experts with more than the mean load, up for experts with less. The gate is computed "
                     "from s, never from s + b.",
                     "DeepSeek-V3 (e_score_correction_bias); Megatron moe_router_enable_expert_bias; "
                     "loss-free balancing.",
                     "Within a batch, the bias b is a constant. Earlier batches have fixed it.", "",
                     "lower expert", "k bias=0 update_rate=0", Dependence{}, make_biased_top_k},
            {.simplicity = 10, .asks = Asks::k, .mask_carries = MaskCarries::nothing}},
    RuleRow{RuleInfo{ids::biased_top_k_same_batch, "Loss-free balancing with the bias of the same batch",
                     "This is biased-top-k with the update in the wrong place: the loads of the batch itself "
                     "move the bias b (updates times, by update_rate each) before b selects experts for that "
                     "batch.",
                     "A mistake in custom implementations of loss-free balancing: the bias is updated before "
                     "the selection instead of after it.",
                     "The loads of the whole batch decide the bias that each token meets. They include later "
                     "tokens and other sequences, and appended tokens change them.",
                     "Use biased-top-k: update the bias after the step, from the batch that has been routed.",
                     "lower expert", "k bias=0 update_rate=0.001 updates=1 scope=batch order padding=skipped",
                     Dependence{.future = true, .batch = true, .length = true}, make_same_batch_bias},
            {.simplicity = 25}},
    RuleRow{RuleInfo{
                ids::biased_top_k_prefix, "Loss-free balancing with a bias from the tokens before",
                "Every token goes to the k experts with the largest s + b, as in biased-top-k. The bias b is "
                "the token's own: it starts at the same value in every sequence, and after each token moves "
                "by update_rate, down for experts with more than the mean load of the sequence so far, up "
                "for experts with less.",
                "A causal repair of biases and balancing that count the whole sequence or batch.",
                "The loads that a token meets are those of the tokens before it.", "", "lower expert",
                "k bias=0 update_rate=0.001 scope=sequence order padding=skipped", Dependence{},
                make_prefix_bias},
            {.simplicity = 15, .asks = Asks::k}},
    RuleRow{
        RuleInfo{ids::group_limited_top_k, "Group-limited token choice",
                 "Experts are divided into equal groups. A token first selects its topk_groups best "
                 "groups, ranked by their largest score (group_score=max) or by the sum of their two "
                 "largest scores (top2). Inside these groups it then selects its k best experts by s + "
                 "bias. Experts of other groups count as minus infinity (group_mask=inf) or as 0 (zero). "
                 "The two differ where s + bias is negative.",
                 "DeepSeek-V2 (max), DeepSeek-V3 (top2; the reference code masks with minus infinity, "
                 "transformers with 0); Megatron moe_router_num_groups and moe_router_group_topk.",
                 "Groups and experts are selected from the token's own scores.", "",
                 "lower group, lower expert", "k groups topk_groups group_score=top2 group_mask=inf bias=0",
                 Dependence{}, make_group_limited_top_k},
        {.simplicity = 11, .asks = Asks::k, .mask_carries = MaskCarries::nothing}},
    RuleRow{RuleInfo{ids::noisy_top_k, "Noisy token choice",
                     "Every token goes to the k experts with the largest s + eps * softplus(noise), where s "
                     "is the router score and eps is standard normal, drawn for each token and position.",
                     "Shazeer et al. 2017; switch jitter (router_jitter_noise, moe_input_jitter_eps) and "
                     "DeepSpeed noisy_gate_policy are similar.",
                     "The noise belongs to the token. It makes the routing random, but not dependent on "
                     "other tokens. One exception: if a single noise stream is drawn over a padded batch, a "
                     "token's noise can depend on the shape of the batch. Draw the noise per token and "
                     "position.",
                     "", "lower expert", "k noise=0", Dependence{.random = true}, make_noisy_top_k},
            {.simplicity = 30}},
    RuleRow{
        RuleInfo{ids::switch_capacity, "Switch capacity, first come first served",
                 "Every token goes to its best expert. An expert keeps the first C tokens that choose "
                 "it, in the order of the flattened batch, and drops the rest; with overflow=next, a token "
                 "whose expert is full goes to its next best expert that has room.",
                 "Switch Transformer; mesh switch; fairseq moe_top1_expert; tutel k=1; ColossalAI top-1 "
                 "first; flaxformer with one selected expert.",
                 "Only earlier tokens of the flattened batch take slots, so later tokens of a sequence "
                 "have no influence. Other sequences do: those that come earlier in the batch take "
                 "slots, so their order matters as well. The length matters because C is computed from "
                 "the number of tokens.",
                 "To remove the dependence on other sequences, use fixed-capacity for each sequence, or "
                 "top-k without drops.",
                 "lower expert",
                 "k=1 capacity|capacity_factor capacity_formula=megatron min_capacity overflow=dropped "
                 "scope=batch order padding=skipped",
                 Dependence{.batch = true, .order = true, .length = true}, make_switch_capacity},
        {.simplicity = 16, .asks = Asks::k_or_one}},
    RuleRow{
        RuleInfo{ids::token_major_capacity, "Token choice with capacity, first come first served",
                 "Tokens take slots in order: all k choices of a token come before those of the next "
                 "token. An expert keeps the first C choices and drops the rest. With overflow=next, a token "
                 "passes over full experts and takes its k best among those that have room.",
                 "megablocks moe_capacity_factor>0; Megatron moe_token_drop_policy=position; DeepSpeed "
                 "top-k drop_policy=position; fastmoe in index order; maxtext capacity_factor>0.",
                 "Only earlier tokens of the flattened batch take slots, so later tokens of a sequence "
                 "have no influence. Other sequences do, and so does their order. The length matters "
                 "because C is computed from the number of tokens. In Megatron's sequence-major order, "
                 "the earlier time steps of all sequences come first.",
                 "To remove the dependence on other sequences, use fixed-capacity for each sequence, or "
                 "top-k without drops.",
                 "lower expert",
                 "k capacity|capacity_factor capacity_formula=megatron min_capacity overflow=dropped "
                 "scope=batch order padding=skipped",
                 Dependence{.batch = true, .order = true, .length = true}, make_token_major_capacity},
        {.simplicity = 17, .asks = Asks::k}},
    RuleRow{RuleInfo{ids::fixed_capacity, "Fixed capacity per sequence",
                     "This is token-major-capacity with a constant capacity C, applied to each sequence "
                     "separately.",
                     "transformers Switch Transformers (expert_capacity) before version 5.",
                     "Only earlier tokens of the same sequence take slots, and C is a constant. Nothing else "
                     "has an influence.",
                     "", "lower expert", "k=1 capacity overflow=dropped scope=sequence order padding=skipped",
                     Dependence{}, make_fixed_capacity},
            {.simplicity = 18, .asks = Asks::k_or_one}},
    RuleRow{RuleInfo{ids::gshard_top_2, "GShard: all first choices before any second",
                     "Slots are filled choice by choice, for any k of at least 2: all first choices take "
                     "slots before any second choice, all second choices before any third. An expert keeps "
                     "the first C choices and drops the rest.",
                     "GShard; DeepSpeed k=2; fairscale; fairseq top-2; tutel k>=2 with capacity_factor>0; "
                     "NLLB-MoE; vmoe; flaxformer num_selected_experts>=2; mesh top_2; ColossalAI top-2; "
                     "st-moe-pytorch.",
                     "A later token's first choice can take the slot that an earlier token's second choice "
                     "would have had. Tokens of all sequences compete for the slots, in batch order. With a "
                     "capacity factor, C is computed from the number of tokens, so the length has an effect.",
                     "Use top-k without drops, or token-major-capacity, where a token's choices wait for "
                     "earlier tokens only.",
                     "lower expert",
                     "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order "
                     "padding=skipped",
                     Dependence{.future = true, .batch = true, .order = true, .length = true}, make_gshard},
            {.simplicity = 19,
             .asks = Asks::k,
             .fewest_experts = 2,
             .mask_carries = MaskCarries::second_choice,
             .streaming = StreamingForm::capacity_by_choice,
             .sweep = {4, SweepForm::capacity_factors, 2, 2}}},
    RuleRow{RuleInfo{ids::gshard_top_2_random_second, "GShard with a second choice left to chance",
                     "This is gshard-top-2 with k=2 and a random second choice. With second=kept, the second "
                     "choice takes part with probability min(1, g2 / threshold), where g2 is its gate "
                     "normalised over both choices. With second=drawn, the second choice is drawn among the "
                     "other experts in proportion to their weights (Gumbel noise on the logits).",
                     "mesh and lucidrains second_policy random (threshold 0.2), fairseq "
                     "moe_second_expert_policy random (threshold 0.5); DeepSpeed top2_2nd_expert_sampling "
                     "(default), fairscale and fairseq sampling (drawn).",
                     "The reasons are those of gshard-top-2. The random draw belongs to the token and adds "
                     "no dependence on other tokens.",
                     "Use top-k without drops, or token-major-capacity.", "lower expert",
                     "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity second=kept "
                     "threshold=0.5 input=probabilities scope=batch order padding=skipped",
                     Dependence{.future = true, .batch = true, .order = true, .length = true, .random = true},
                     make_gshard_random_second},
            {.simplicity = 26, .fewest_experts = 2, .mask_carries = MaskCarries::second_choice}},
    RuleRow{RuleInfo{ids::batch_priority, "Batch-prioritised routing",
                     "Tokens are sorted by their largest score. In that order, all first choices take slots, "
                     "then all second choices, and so on.",
                     "vmoe batch_priority; tutel and fairseq batch_prioritized_routing; flaxformer "
                     "batch_prioritized_routing; NLLB-MoE option.",
                     "A later token with a larger score comes before an earlier token and takes its slot. "
                     "Tokens of all sequences compete for the slots. With a capacity factor, C is computed "
                     "from the number of tokens, so the length has an effect.",
                     "Use top-k without drops, or token-major-capacity.",
                     "lower token, then lower expert; this is the only way in which the order of the "
                     "sequences has an effect",
                     "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order "
                     "padding=skipped",
                     Dependence{.future = true, .batch = true, .length = true}, make_batch_priority},
            {.simplicity = 20,
             .asks = Asks::k,
             .streaming = StreamingForm::capacity_by_priority,
             .sweep = {3, SweepForm::capacity_factors, 2}}},
    RuleRow{RuleInfo{ids::drop_by_score, "Capacity that drops the lowest scores",
                     "Every token chooses its k best experts. Each expert then keeps the C choices with the "
                     "largest score (rank=score), with the largest score divided by the sum of the "
                     "token's selected scores (rank=renormalised), or of the latest tokens (rank=latest). It "
                     "drops the rest.",
                     "Megatron moe_token_drop_policy=probs, its default once moe_expert_capacity_factor is "
                     "set (renormalised); DeepSpeed k>2 (score); mesh switch_max; NeMo "
                     "MegatronTokenDropCallback; the training of DeepSeek-V2.",
                     "Whether a token is dropped depends on every other token that chose the expert, "
                     "including later tokens and tokens of other sequences. With a capacity factor, C is "
                     "computed from the number of tokens, so the length has an effect.",
                     "Use top-k without drops (capacity factor unset), or token-major-capacity.",
                     "lower token, then lower expert; this is the only way in which the order of the "
                     "sequences has an effect",
                     "k capacity|capacity_factor capacity_formula=megatron min_capacity rank=score "
                     "scope=batch order padding=skipped",
                     Dependence{.future = true, .batch = true, .length = true}, make_drop_by_score},
            {.simplicity = 21,
             .asks = Asks::k,
             .streaming = StreamingForm::capacity_by_score,
             .sweep = {2, SweepForm::capacity_factors}}},
    RuleRow{RuleInfo{
                ids::rank_capacity, "Capacity per expert-parallel rank",
                "Every token chooses its k best experts. Experts are divided into equal groups, one for each "
                "of the ranks that hold them. A rank lists the choices of its experts expert by expert, each "
                "in the order of the tokens, keeps the first C of the list and drops the rest. Formulas take "
                "the number of ranks for N.",
                "Megatron moe_expert_rank_capacity_factor with the flex dispatcher and the hybridep backend "
                "(megablocks formula over the tokens of all ranks; a budget rounded up to an alignment is "
                "given as capacity).",
                "A later token that chooses a lower expert of the rank takes a place before an earlier token "
                "that chose a higher one. Tokens of all sequences share the rank's places. With a capacity "
                "factor, C is computed from the number of tokens, so the length has an effect.",
                "Leave the factor unset, or give it enough room that nothing is dropped. "
                "token-major-capacity drops by the order of the tokens.",
                "lower expert",
                "k ranks=1 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch "
                "order padding=skipped",
                Dependence{.future = true, .batch = true, .order = true, .length = true}, make_rank_capacity},
            {.simplicity = 22, .asks = Asks::k, .fewest_experts = 2, .sweep = {9, SweepForm::ranks}}},
    RuleRow{RuleInfo{ids::random_token, "Random token selection",
                     "Every token chooses its k best experts. Each expert keeps C of the tokens that chose "
                     "it, at random, and drops the rest.",
                     "DeepSpeed top-1 use_rts=True (default); ColossalAI select_policy=random.",
                     "The probability that a token keeps its slot depends on how many tokens compete for the "
                     "slots, including later tokens and tokens of other sequences. Even with the same random "
                     "draws, a later token can take the slot. With a capacity factor, C is computed from the "
                     "number of tokens, so the length has an effect.",
                     "Use top-k without drops, or token-major-capacity.",
                     "larger draw; lower expert among equal scores",
                     "k=1 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order "
                     "padding=skipped",
                     Dependence{.future = true, .batch = true, .order = true, .length = true, .random = true},
                     make_random_token},
            {.simplicity = 28, .asks = Asks::k}},
    RuleRow{RuleInfo{ids::unstable_capacity, "Capacity by an unstable sort",
                     "Each expert takes the C largest entries of its column of zeros and ones. All tokens "
                     "that chose the expert tie, and the sorting kernel decides which of them stay. The rule "
                     "is modelled on the quickselect that PyTorch runs on the CPU.",
                     "DeepSpeed top-1 use_rts=False and Megatron position, where torch.topk breaks the ties; "
                     "OLMo-core name=default (unstable sort).",
                     "Which of the tied tokens stay depends on the positions of all ones in the column, "
                     "including later tokens and other sequences. The code is meant to be first come, first "
                     "served, but nothing guarantees that order. With a capacity factor, C is computed from "
                     "the number of tokens, so the length has an effect.",
                     "Use top-k without drops, or a stable sort (token-major-capacity).",
                     "left to the kernel; lower expert among equal scores",
                     "k=1 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order "
                     "padding=skipped",
                     Dependence{.future = true, .batch = true, .order = true, .length = true},
                     make_unstable_capacity},
            {.simplicity = 27, .asks = Asks::k}},
    RuleRow{RuleInfo{ids::expert_choice, "Expert choice",
                     "The tokens are cut into chunks, in order. In each chunk of w tokens, every expert "
                     "takes the C tokens with the largest score for it. C = max(1, floor(k w / N)), or as a "
                     "capacity parameter says. Without a chunk parameter, all tokens routed together form "
                     "one chunk. With scope=document, the documents packed into a row are routed separately: "
                     "each ends with the token id separator.",
                     "Expert choice (Zhou et al. 2022); flaxformer ExpertsChooseMaskedRouter; vmoe top items "
                     "per expert; mesh expert_selection.",
                     "A token is taken if few enough tokens of its chunk have a higher score, and later "
                     "tokens of the chunk count. Unless the chunk lies inside one sequence, tokens of other "
                     "sequences count as well. Appended tokens compete too. Within documents, C and the "
                     "competitors also depend on where later tokens end the document.",
                     "Use top-k with a bias or an auxiliary loss. expert-choice(streaming) keeps the idea "
                     "and compares with earlier tokens only.",
                     "lower token; between sequences of one chunk this is one way in which their order has "
                     "an effect",
                     "k|capacity|capacity_factor capacity_formula=megatron min_capacity chunk scope=batch "
                     "separator order padding=skipped",
                     Dependence{.future = true, .batch = true, .length = true}, make_expert_choice},
            {.simplicity = 6,
             .asks = Asks::expert,
             .mask_carries = MaskCarries::chunk_choice,
             .streaming = StreamingForm::chunk_rank,
             .sweep = {1, SweepForm::chunks}}},
    RuleRow{
        RuleInfo{ids::expert_choice_shuffled, "Expert choice on shuffled tokens",
                 "This is expert-choice after a random permutation of all tokens that are routed together.",
                 "A mitigation for expert choice: the other tokens of a chunk become a random sample of "
                 "the batch.",
                 "A token still competes with those later tokens of its sequence that fall into its "
                 "chunk. What its routing reveals about them is harder to use, but it is still there. "
                 "The other tokens of the chunk come from all sequences, and the random permutation "
                 "decides which ones. Appended tokens compete too.",
                 "Use top-k, or expert-choice(streaming).", "lower token",
                 "k|capacity|capacity_factor capacity_formula=megatron min_capacity chunk scope=batch "
                 "order padding=skipped",
                 Dependence{.future = true, .batch = true, .order = true, .length = true, .random = true},
                 make_expert_choice_shuffled},
        {.simplicity = 29, .asks = Asks::expert, .streaming = StreamingForm::shuffled_chunk_rank}},
    RuleRow{RuleInfo{ids::expert_choice_streaming, "Streaming expert choice",
                     "An expert takes token t of a chunk (counted from 0) if the token's score ranks among "
                     "the best ceil(R (t + 1)) of the tokens 0..t of the chunk, where R = k/N.",
                     "The form of expert choice that a deployment can run: it needs no later tokens.",
                     "A token is compared with earlier tokens of its chunk only. If a chunk spans several "
                     "rows of a flattened batch, earlier rows have an influence.",
                     "", "the earlier token ranks first", "k chunk scope=sequence order padding=skipped",
                     Dependence{}, make_expert_choice_streaming},
            {.simplicity = 13, .asks = Asks::expert}},
    RuleRow{
        RuleInfo{ids::expert_threshold, "Threshold per expert",
                 "A token goes to every expert i with s_i > theta_i, where s_i is the router score and "
                 "theta_i a threshold per expert. The thresholds come from earlier batches. With most=K, it "
                 "goes to "
                 "the K best of them at most, as beside null experts of constant score. With mass=p, it "
                 "goes to its best experts until they hold the share p of its scores (top-p).",
                 "Threshold or moving-average counterparts of expert choice; ReLU routing (a threshold of "
                 "0); top-p routing; null or zero-computation experts.",
                 "The token's own scores are compared with constants.", "",
                 "a score equal to the threshold does not pass", "thresholds|mass most", Dependence{},
                 make_expert_threshold},
        {.simplicity = 12, .mask_carries = MaskCarries::nothing}},
    RuleRow{
        RuleInfo{
            ids::sequence_top_k, "Sequence top-k and batch top-k",
            "Of all pairs of a token and an expert in a sequence of S tokens, the k S with the largest "
            "scores are taken: one budget, so that some tokens get more than k experts and some none. "
            "With scope=batch, all tokens of the batch share the budget (batch top-k).",
            "SeqTopK (Route Experts by Sequence, not by Token, arXiv 2511.06494) in training and prefill; "
            "batch top-k as in BatchTopK sparse autoencoders, in training.",
            "A pair is taken if few enough pairs of the sequence have a larger score, and those of later "
            "tokens count. Appended tokens compete too. Each sequence is routed separately, so other "
            "sequences have no influence, unless the scope is the batch.",
            "Use sequence-top-k(streaming), in training as well, or expert-threshold: one threshold that "
            "earlier batches have fixed.",
            "lower token, then lower expert", "k scope=sequence separator order padding=skipped",
            Dependence{.future = true, .length = true}, make_sequence_top_k},
        {.simplicity = 9, .sweep = {8, SweepForm::budgets}}},
    RuleRow{
        RuleInfo{
            ids::sequence_top_k_streaming, "Streaming sequence top-k",
            "Token t of a sequence (counted from 0) gets an expert if its score for it ranks among the k "
            "(t + 1) largest of all pairs of the tokens 0..t with an expert.",
            "Online SeqTopK, its form in decoding: the scores of earlier tokens are kept in a cache.",
            "A token's pairs are compared with those of earlier tokens of its sequence only.", "",
            "the earlier token, then the lower expert ranks first",
            "k scope=sequence separator order padding=skipped", Dependence{}, make_sequence_top_k_streaming},
        {.simplicity = 14}},
    RuleRow{RuleInfo{ids::sinkhorn, "Sinkhorn balancing",
                     "The matrix of exp(logits) over all tokens is scaled until every token has weight 1/T "
                     "and every expert has weight 1/N. Every token then goes to its k largest entries of the "
                     "balanced matrix. The iteration stops when the column factors move by no more than "
                     "tolerance on average, or after the number of iterations given.",
                     "Megatron moe_router_load_balancing_type=sinkhorn in training (tolerance 1e-4; "
                     "evaluation is top-k of the raw scores).",
                     "The column factors are sums over all tokens of the batch: later tokens, other "
                     "sequences and appended tokens.",
                     "Use top-k with an auxiliary loss or a loss-free bias.", "lower expert",
                     "k=1 tolerance=0.0001 iterations=10000 input=logits scope=batch order padding=skipped",
                     Dependence{.future = true, .batch = true, .length = true}, make_sinkhorn},
            {.simplicity = 24, .sweep = {6, SweepForm::plain}}},
    RuleRow{RuleInfo{ids::assignment, "Balanced assignment (BASE layers)",
                     "An auction assigns one expert to every token and exactly T/N tokens to every expert, "
                     "close to the largest total score. If N does not divide T, some experts take one token "
                     "fewer.",
                     "fairseq BaseLayer in training (evaluation is greedy).",
                     "One assignment is solved for all tokens at once, so any token can displace any other: "
                     "later tokens, tokens of other sequences and appended tokens.",
                     "Use top-k with an auxiliary loss or a loss-free bias.",
                     "lower token, then lower expert", "scope=batch order padding=skipped",
                     Dependence{.future = true, .batch = true, .length = true}, make_assignment},
            {.simplicity = 7, .sweep = {7, SweepForm::plain, 1, 1}}},
    RuleRow{
        RuleInfo{ids::next_choice, "No token left behind",
                 "Each token is kept at most once. In round j, the tokens that have no slot yet ask for "
                 "their j-th choice, in order. Slots that are taken stay taken. After k rounds, the "
                 "remaining tokens are dropped.",
                 "mesh ntlb.",
                 "A later token's first choice can fill the expert that an earlier token asks for in the "
                 "second round. This is rare, because two experts must overflow. Tokens of all sequences "
                 "compete for the slots, in batch order. With a capacity factor, C is computed from the "
                 "number of tokens, so the length has an effect.",
                 "Use token-major-capacity, or top-k without drops.", "lower expert",
                 "k=2 capacity|capacity_factor capacity_formula=megatron min_capacity scope=batch order "
                 "padding=skipped",
                 Dependence{.future = true, .batch = true, .order = true, .length = true}, make_next_choice},
        {.simplicity = 23, .sweep = {5, SweepForm::no_spare_capacity}}},
    RuleRow{RuleInfo{ids::mixture_of_depths, "Mixture of depths",
                     "A block processes the int(capacity_factor S) tokens with the largest score of each "
                     "sequence of S positions, at least one. The other tokens skip the block. With "
                     "strict=true, only tokens above the smallest of those scores are processed.",
                     "Mixture-of-Depths training and its public reimplementations.",
                     "Whether a token is processed depends on the scores of all later tokens of its "
                     "sequence. The length matters because the number of processed tokens is computed from "
                     "it. Each sequence is routed separately, so other sequences have no influence.",
                     "Use mixture-of-depths(predictor), in training as well.", "lower token",
                     "capacity|capacity_factor=0.125 strict=false scope=sequence order padding=skipped",
                     Dependence{.future = true, .length = true}, make_mixture_of_depths},
            {.simplicity = 5, .asks = Asks::expert, .streaming = StreamingForm::chunk_rank}},
    RuleRow{RuleInfo{ids::mixture_of_depths_predictor, "Mixture of depths by a predictor",
                     "A token is processed if the logit of the auxiliary predictor exceeds the threshold. A "
                     "threshold of 0 corresponds to a probability of one half.",
                     "Mixture-of-Depths in evaluation.",
                     "The token's own score is compared with a constant. Note that a model trained with "
                     "mixture-of-depths has still learned under that other rule.",
                     "", "a score equal to the threshold does not pass", "threshold=0", Dependence{},
                     make_depth_predictor},
            {.simplicity = 8, .mask_carries = MaskCarries::nothing}},
    RuleRow{RuleInfo{ids::column_normalised_gate, "Gate divided by a sum over tokens",
                     "Every token goes to its k best experts. Its gate is divided by the sum of the masked "
                     "scores of the same expert over all tokens of the batch.",
                     "kyegomez SwitchTransformers SwitchGate.",
                     "The mask depends on the token's own scores only. The gate does not: it contains the "
                     "scores of all tokens that chose the same expert, including later tokens, other "
                     "sequences and appended tokens.",
                     "Normalise the gate over the token's own experts.", "lower expert", "k=1",
                     Dependence{.future = true, .batch = true, .length = true}, make_column_normalised_gate},
            {.simplicity = 4, .more_than_selection = true}},
    RuleRow{RuleInfo{ids::soft_moe, "Soft mixture of experts",
                     "Every expert processes weighted means of all tokens. The dispatch weights are a "
                     "softmax over tokens, so the mask is full and the weights carry all the information.",
                     "Soft MoE (Puigcerver et al. 2023).",
                     "Each dispatch weight has all tokens in its denominator, and each slot mixes them: "
                     "later tokens, other sequences and appended tokens.",
                     "Use top-k. There is no causal form of mixing tokens.",
                     "none, because nothing is selected", "scope=batch order padding=skipped",
                     Dependence{.future = true, .batch = true, .length = true}, make_soft_moe},
            {.simplicity = 3, .more_than_selection = true}},
    RuleRow{RuleInfo{ids::quantile_balancing, "Quantile balancing",
                     "Every token goes to the k experts with the largest s - theta, where s is the router "
                     "score and theta a threshold per expert. The next thresholds are the load quantiles of "
                     "the batch that has been routed.",
                     "Megatron moe_router_load_balancing_type=quantile_balancing.",
                     "Within a batch, the thresholds are constants. They come from the previous batch.", "",
                     "lower expert", "k thresholds=0", Dependence{}, make_quantile_balancing},
            {.mask_carries = MaskCarries::nothing}},
    RuleRow{RuleInfo{ids::k_means, "Online k-means routing",
                     "Every token goes to the k experts whose running means are closest by cosine. The means "
                     "are updated after each batch, from the tokens that have been routed.",
                     "Online k-means routers.",
                     "Within a batch, the means are constants. Given the scores, the rule is top-k.", "",
                     "lower expert", "k", Dependence{}, make_k_means},
            {.mask_carries = MaskCarries::nothing, .more_than_selection = true}},
    RuleRow{RuleInfo{ids::k_means_same_batch, "Online k-means with the means of the same batch",
                     "This is k-means with the update in the wrong place: the tokens of the batch itself "
                     "move the means before the scores are computed. Given those scores, the rule is top-k.",
                     "A mistake in online k-means routers: the means are updated before the scoring instead "
                     "of after it.",
                     "The scores contain the means, and the means contain all tokens of the batch. The "
                     "selection adds no further dependence: in reports, the source of the leak is of kind "
                     "scoring.",
                     "Use k-means: update the means after the step.", "lower expert", "k",
                     Dependence{.future = true, .batch = true, .length = true}, make_k_means_same_batch},
            {.more_than_selection = true}},
    RuleRow{RuleInfo{ids::expert_autonomy, "Autonomy of experts",
                     "Every token goes to the k experts whose own first activation has the largest norm for "
                     "it. The norms are the scores.",
                     "Autonomy-of-Experts (2025).", "The norms are computed from the token itself.", "",
                     "lower expert", "k", Dependence{}, make_expert_autonomy},
            {.mask_carries = MaskCarries::nothing, .more_than_selection = true}},
    RuleRow{
        RuleInfo{ids::hash, "Hash layers",
                 "A fixed table maps each token id to its k experts. If no table is given, it is drawn "
                 "once from table_seed. Where token ids are unknown, the recorded scores replace the "
                 "table.",
                 "Hash layers (Roller et al. 2021).", "The routing is a function of the token id only.", "",
                 "none, because the table decides", "k=1 table|table_seed=0", Dependence{}, make_hash},
        {.simplicity = 2, .mask_carries = MaskCarries::nothing}},
};

constexpr auto infos = [] {
  std::array<RuleInfo, rows.size()> out;
  std::ranges::transform(rows, out.begin(), &RuleRow::info);
  return out;
}();

constexpr RuleTraits of_no_rule{};

}  // namespace

std::span<const RuleInfo> routing_rules() noexcept { return infos; }

const RuleTraits& routing::rule_traits(std::string_view id) noexcept {
  const auto row = std::ranges::find(rows, id, [](const RuleRow& one) { return one.info.id; });
  return row == rows.end() ? of_no_rule : row->traits;
}

}  // namespace pastonly
