#include "integrity/trace_issue.h"

namespace pastonly::integrity {

namespace {

constexpr auto contradiction = TraceIssue::Kind::contradiction;
constexpr auto oddity = TraceIssue::Kind::oddity;

// In the order of the enumeration.
constexpr std::array<IssueText, issue_kind_count> table{{
    {"mask-not-binary", contradiction, "mask", "entries", "are neither 0 nor 1"},
    {"expert-out-of-range", contradiction, "experts", "ids", "name an expert that does not exist"},
    {"repeated-expert", contradiction, "experts", "tokens", "list an expert twice"},
    {"mask-against-experts", contradiction, "mask", "tokens",
     "have different experts in 'mask' and in 'experts'"},
    {"gate-not-finite", contradiction, "gates", "gates", "are not finite"},
    {"gate-without-mask", contradiction, "gates", "gates",
     "weight an expert that the mask marks as not used"},
    {"scores-not-finite", contradiction, "scores", "scores", "are NaN or +infinity"},
    {"logits-not-finite", contradiction, "logits", "logits", "are NaN or +infinity"},
    {"token-out-of-range", contradiction, "tokens", "tokens", "lie outside the vocabulary"},
    {"logprob-positive", contradiction, "logprobs", "log-probabilities", "are above 0"},
    {"logprob-missing", contradiction, "logprobs", "log-probabilities", "after the first position are NaN"},
    {"all-zero-rows", oddity, "mask", "tokens",
     "have no expert (dropped or not observed: the file does not show which)"},
    {"row-short", oddity, "mask", "sequences",
     "have no expert at their last position, as recorded by engines that leave out one position"},
    {"marker-255", oddity, "experts", "ids", "are 255, read as no expert"},
    {"placeholder-rows", oddity, "experts", "tokens",
     "name expert 0 in every choice, as engines do where nothing was routed; read as no expert"},
    {"negative-gate", oddity, "gates", "gates", "are negative"},
    {"scores-minus-infinity", oddity, "scores", "scores", "are -infinity"},
    {"logits-minus-infinity", oddity, "logits", "logits", "are -infinity"},
    {"scores-as-logits", oddity, "logits", "rows",
     "sum to 1 and are never negative (scores stored as logits?)"},
    {"logits-as-scores", oddity, "scores", "rows",
     "hold values above 1, which softmax, sigmoid and cosine cannot give (logits?)"},
    {"sinkhorn-scores", oddity, "scores", "rows",
     "have one sum, and all columns have one sum (the Sinkhorn-normalised matrix, which already contains "
     "later tokens?)"},
    {"first-logprob", oddity, "logprobs", "sequences",
     "hold a log-probability for their first token, which has no earlier token to predict it from"},
    {"logprob-minus-infinity", oddity, "logprobs", "log-probabilities",
     "are -infinity: the model gave the token probability 0"},
}};

}  // namespace

const IssueText& info(IssueKind kind) noexcept { return table[static_cast<std::size_t>(kind)]; }

}  // namespace pastonly::integrity
