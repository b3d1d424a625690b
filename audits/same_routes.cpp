#include "audits/checks.h"

namespace pastonly::audits {

// Its part is played by run/compare.cpp, on two recordings.
const Check same_routes_check{
    "same-routes",
    "The same routes in two recordings",
    "Holds two recordings of the same tokens against each other: a model in training and in serving, a port "
    "and its "
    "original, a checkpoint and its quantised version, a replayed record. Tokens and layers are aligned "
    "first; then "
    "records that are silently wrong are named, routes, gates and log-probabilities compared, near ties set "
    "apart, and "
    "the change of the selection named that explains the difference. `pastonly compare A B` runs it.",
    {.pair = true},
    [](const CheckContext&) -> Outcome { return Skipped{"takes two recordings: pastonly compare A B"}; }};

}  // namespace pastonly::audits
