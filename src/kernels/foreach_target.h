#pragma once

// Compiles the kernel file that includes this once for each target of target.h. Before it:
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "kernels/<this file>"
// and after it kernels/vectors-inl.h.

// The fallback is plain C++; Highway's other one differs between compilers.
#define HWY_BROKEN_EMU128 1
#include <hwy/detect_targets.h>

// Of Highway's targets those that are worth their time to compile; the rest takes the next lower one.
#undef HWY_DISABLED_TARGETS
#ifdef HWY_NEON_WITHOUT_AES  // Highway 1.1 and later
#define HWY_DISABLED_TARGETS (~(HWY_AVX2 | HWY_AVX3 | HWY_NEON | HWY_NEON_WITHOUT_AES | HWY_SCALAR))
#else
#define HWY_DISABLED_TARGETS (~(HWY_AVX2 | HWY_AVX3 | HWY_NEON | HWY_SCALAR))
#endif

#include <hwy/foreach_target.h>

#include "kernels/target.h"

#if HWY_TARGETS & HWY_AVX3
#define PASTONLY_AVX512(...)                \
  case ::pastonly::kernels::Target::avx512: \
    return N_AVX3::__VA_ARGS__;
#else
#define PASTONLY_AVX512(...)
#endif
#if HWY_TARGETS & HWY_AVX2
#define PASTONLY_AVX2(...)                \
  case ::pastonly::kernels::Target::avx2: \
    return N_AVX2::__VA_ARGS__;
#else
#define PASTONLY_AVX2(...)
#endif

/// Returns from a function of namespace kernels with the result of `call` in the namespace of the target in
/// use.
#define PASTONLY_DISPATCH(...)                 \
  switch (::pastonly::kernels::target()) {     \
    PASTONLY_AVX512(__VA_ARGS__)               \
    PASTONLY_AVX2(__VA_ARGS__)                 \
    default:                                   \
      return HWY_STATIC_DISPATCH(__VA_ARGS__); \
  }
