#include "kernels/target.h"

// As kernel files see them, but this one is compiled once.
#define HWY_BROKEN_EMU128 1
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

#include "kernels/bf16_product.h"

namespace pastonly::kernels {
namespace {

struct Named {
  Target target;
  std::string_view name;
};
constexpr auto names = std::to_array<Named>({{Target::portable, "portable"},
                                             {Target::neon, "neon"},
                                             {Target::avx2, "avx2"},
                                             {Target::avx512, "avx512"}});

std::vector<Target> find_offered() {
  std::vector<Target> out;
#if HWY_ARCH_X86
  const std::int64_t known = hwy::SupportedTargets();
  if ((known & HWY_AVX3) != 0) out.push_back(Target::avx512);
  if ((known & HWY_AVX2) != 0) out.push_back(Target::avx2);
  out.push_back(Target::portable);
#elif HWY_ARCH_ARM_A64
  out.push_back(Target::neon);
#else
  out.push_back(Target::portable);
#endif
  return out;
}

bool is_offered(Target target) {
  const auto& offered = offered_targets();
  return std::ranges::find(offered, target) != offered.end();
}

Target first_target() {
  // Nothing here writes to the environment. NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const wanted = std::getenv("PASTONLY_TARGET");
  const auto named = target_named(wanted == nullptr ? "" : wanted);
  return named && is_offered(*named) ? *named : offered_targets().front();
}

std::atomic<Target>& in_use() noexcept {
  static std::atomic<Target> target{first_target()};
  return target;
}

}  // namespace

const std::vector<Target>& offered_targets() {
  static const std::vector<Target> offered = find_offered();
  return offered;
}

Target target() noexcept { return in_use().load(std::memory_order_relaxed); }

void use_target(Target target) noexcept { in_use().store(target, std::memory_order_relaxed); }

std::string_view name(Target target) noexcept {
  return std::ranges::find(names, target, &Named::target)->name;
}

std::string_view instructions() noexcept { return has_bf16_products() ? "avx512-bf16" : name(target()); }

std::optional<Target> target_named(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(names, name, &Named::name);
  return found == names.end() ? std::nullopt : std::optional(found->target);
}

}  // namespace pastonly::kernels
