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
     "have other experts in 'mask' than in 'experts'"},
    {"gate-not-finite", contradiction, "gates", "gates", "are not finite"},
    {"gate-without-mask", contradiction, "gates", "gates", "weigh an expert that the mask says was not used"},
    {"scores-not-finite", contradiction, "scores", "scores", "are NaN or +infinity"},
    {"logits-not-finite", contradiction, "logits", "logits", "are NaN or +infinity"},
    {"token-out-of-range", contradiction, "tokens", "tokens", "lie outside the vocabulary"},
    {"logprob-positive", contradiction, "logprobs", "log-probabilities", "are above 0"},
    {"logprob-missing", contradiction, "logprobs", "log-probabilities", "after the first position are NaN"},
    {"all-zero-rows", oddity, "mask", "tokens",
     "have no expert: dropped, or not observed; the file does not tell the two apart"},
    {"row-short", oddity, "mask", "sequences",
     "have no expert at their last position, as engines leave it that record one position less"},
    {"marker-255", oddity, "experts", "ids", "are 255, taken as no expert"},
    {"negative-gate", oddity, "gates", "gates", "are negative"},
    {"scores-minus-infinity", oddity, "scores", "scores", "are -infinity"},
    {"logits-minus-infinity", oddity, "logits", "logits", "are -infinity"},
    {"scores-as-logits", oddity, "logits", "rows",
     "sum to 1 and are never negative: these look like scores under the name of logits"},
    {"logits-as-scores", oddity, "scores", "rows",
     "reach beyond 1: no softmax, sigmoid or cosine gives these; are they logits?"},
    {"sinkhorn-scores", oddity, "scores", "rows",
     "have one sum, and all columns have one sum: this looks like the Sinkhorn-normalised matrix, which "
     "holds "
     "the future already"},
    {"first-logprob", oddity, "logprobs", "sequences",
     "give their first token a log-probability; nothing stands before it to predict it from"},
    {"logprob-minus-infinity", oddity, "logprobs", "log-probabilities",
     "are -infinity: the token was held impossible"},
}};

}  // namespace

const IssueText& info(IssueKind fault) noexcept { return table[static_cast<std::size_t>(fault)]; }

}  // namespace pastonly::integrity
