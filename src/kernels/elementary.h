#pragma once

namespace pastonly::kernels {

/// Elementary functions in multiplications, additions and divisions that are rounded one by one, so that
/// their results are the same on every machine and under every compiler, which those of the machine's libm
/// are not. Errors in units in the last place (ulp), as tests/unit/kernels/elementary_test.cpp measures them:
///   exp 1.1, exp2 1.1, log 1, log1p 1.5, log2 1.7, sin and cos 1.5 within 10 radians and 1 of 1 to 5e8.
/// NaN in, NaN out; poles and overflow give infinities as std's functions do.
double exp(double x) noexcept;
double exp2(double x) noexcept;
double log(double x) noexcept;
double log1p(double x) noexcept;
/// Exact where x is a power of two.
double log2(double x) noexcept;
double sin(double x) noexcept;
double cos(double x) noexcept;
/// x^y as 2^(y log2 x), for x >= 0: its error grows with the size of that exponent e, to 2 + 3 |e| ulp.
double pow(double x, double y) noexcept;

/// To half an ulp and 0.001 more, from shorter series than the double's.
float exp(float x) noexcept;
float log(float x) noexcept;
/// Rounded from the double's.
inline float log1p(float x) noexcept { return static_cast<float>(log1p(static_cast<double>(x))); }

}  // namespace pastonly::kernels
