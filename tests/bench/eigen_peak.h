#pragma once

namespace pastonly::bench {

/// Seconds of a clock, and of all threads of the process.
double now();
double processor_seconds();

/// Floating-point operations per second of a large Eigen product on every thread at once, the best of five;
/// Eigen is compiled for the machine at hand.
struct Peak {
  double wall = 0.0;
  double processor = 0.0;  ///< per second of processor time
};
Peak eigen_peak(int threads);

}  // namespace pastonly::bench
