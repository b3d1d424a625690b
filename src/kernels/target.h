#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace pastonly::kernels {

/// The instructions that kernels are compiled for; of those on offer the last one runs. Results
/// are the same to the last bit under every one of them (docs/kernels.md).
enum class Target {
  portable,  ///< no vectors; fused multiply-adds through std::fma, so slow
  neon,
  avx2,  ///< with FMA, BMI2 and F16C
  avx512,
};

/// Of the targets above, those that this program holds and this processor offers, best first.
const std::vector<Target>& offered_targets();

/// The target that kernels run under: the best on offer, or what the environment variable PASTONLY_TARGET
/// names where that is on offer.
Target target() noexcept;

/// Kernels run under another target from now on; for tests. Requires one on offer, and that no kernel runs.
void use_target(Target target) noexcept;

std::string_view name(Target target) noexcept;
/// The name of the target in use; "avx512-bf16" where bf16_product has the processor's own products.
std::string_view instructions() noexcept;
std::optional<Target> target_named(std::string_view name) noexcept;

}  // namespace pastonly::kernels
