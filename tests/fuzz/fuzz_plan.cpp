#include <cstdlib>

#include "input/plan/plan.h"

/// Whatever the text, the reader answers, and every accepted run stands on a base of the plan.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto plan = pastonly::input::parse_plan({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!plan) return 0;
  for (const auto& run : plan->runs) {
    bool found = !run.base;
    for (const auto& other : plan->runs) found |= run.base == other.id && !other.base;
    if (!found) std::abort();
  }
  return 0;
}
