#pragma once

namespace pastonly::stats {

// Distributions on kernels' elementary functions: the same bits on every machine. Relative errors, as
// tests/unit/stats/distributions_test.cpp measures them against Boost.Math. NaN in, NaN out.

/// ln binom(n, k) for real 0 < k < n, by Stirling's series (NIST DLMF 5.11.1) after what cancels between the
/// three factorials is taken out (C. Loader, Fast and accurate computation of binomial probabilities, 2000).
/// Error 1e-15 of the result and 5e-15 absolute.
double log_binomial(double n, double k) noexcept;

// Of the beta distribution with a, b > 0, up to 1e9: the continued fraction of A. R. DiDonato and A. H.
// Morris (ACM Transactions on Mathematical Software 18, 1992, equation 9), as many steps as the root of a and
// b, and Newton's steps.

/// x with P(X <= x) = p, and with P(X > x) = p, 0 < p < 1.
/// Relative error 2e-14. Odds of x beyond e^700 count as e^700.
double beta_quantile(double a, double b, double p) noexcept;
double beta_tail_quantile(double a, double b, double p) noexcept;
/// P(T > t) of Student's distribution with degrees >= 1, from 1e12 on with 1e12; |t| / root(degrees) up to
/// 1e150. Relative error 2e-14 and, as t's own rounding brings, up to 1e-15 of min(t^2, degrees) and of
/// |ln p|: 1e-12 where p is 1e-300.
double students_t_tail(double t, double degrees) noexcept;
/// t >= 0 with P(T > t) = p, 0 < p <= 1/2. Relative error 5e-14.
double students_t_quantile(double p, double degrees) noexcept;

/// P(Z <= z) of the standard normal distribution, by its series and Laplace's continued fraction (DLMF 7.6.2,
/// 7.9.2). Relative error 1e-14 as long as the result is a normal number.
double normal_cdf(double z) noexcept;
/// z with P(Z <= z) = p; infinite for 0 and 1. Error 1e-14 of max(1, |z|).
double normal_quantile(double p) noexcept;

}  // namespace pastonly::stats
