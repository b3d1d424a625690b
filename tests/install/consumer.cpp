#include <cstdio>

#include "pastonly/check.h"
#include "pastonly/routing_rule.h"

int main() {
  const auto spec = pastonly::parse_rule("expert-choice,k=2,chunk=16");
  const auto rule = spec ? pastonly::make_rule(spec->id, spec->parameters) : tl::unexpected(spec.error());
  if (!rule) return 1;
  const auto dependence = (*rule)->dependence({4, 32}, 8);
  std::printf("%zu checks; expert-choice looks ahead: %d\n", pastonly::all_checks().size(),
              dependence.future);
  return dependence.future && !pastonly::all_checks().empty() ? 0 : 1;
}
