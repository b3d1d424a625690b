#pragma once

#include <memory>

#include "pastonly/routing_rule.h"

namespace pastonly::lab {

// Rules made of another rule. Each calls the rule it was made of, which must outlive it, for its
// parameters and lets what has been routed pass on to its state. Pure functions like any rule: draws hang
// on the context's seed alone.

/// The rule sees the tokens of the batch in a fresh random order (context.seed): across rows and chunks.
/// Rules of tokens' own scores do not notice.
std::unique_ptr<RoutingRule> shuffled(RoutingRule& rule);

/// Every route is dropped with this probability, independently, after the rule has chosen.
std::unique_ptr<RoutingRule> dropping(RoutingRule& rule, double rate);

/// Every token is routed with nothing visible but the tokens of its own row up to itself: what a
/// deployment can do. Expert choice keeps a token that ranks among the best ceil(R n) of the n tokens of
/// its chunk seen so far (expert-choice(streaming)); rules that need no other token are left as they are;
/// others are applied to every prefix, in O(positions^2) a row.
std::unique_ptr<RoutingRule> streaming(RoutingRule& rule, const Layout& layout, std::size_t experts);

}  // namespace pastonly::lab
