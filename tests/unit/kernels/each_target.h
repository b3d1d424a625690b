#pragma once

#include <string>

#include "catch.h"
#include "kernels/target.h"

namespace pastonly::kernels {

/// body() under every target on offer; afterwards kernels run under the one they ran under before.
template <class Body>
void for_each_target(Body&& body) {
  struct Restore {
    Target before = target();
    ~Restore() { use_target(before); }
  } restore;
  for (const Target target : offered_targets()) {
    INFO("target " << std::string(name(target)));
    use_target(target);
    body();
  }
}

/// The results of body() under every target are those under the first, to the last bit.
template <class Body>
void check_same_bits(Body&& body) {
  const auto wanted = body();
  for_each_target([&] { CHECK(body() == wanted); });
}

}  // namespace pastonly::kernels
