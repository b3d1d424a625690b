#include "stats/source_fit.h"

#include <array>
#include <cstddef>
#include <unordered_map>

#include "kernels/elementary.h"
#include "stats/e_process.h"

namespace pastonly::stats {
namespace {

/// Counts of what followed a context, half a count added to each word. Memory follows the tokens seen,
/// not the vocabulary.
class AdaptiveCoder {
 public:
  explicit AdaptiveCoder(std::uint64_t vocab) : vocab_(static_cast<double>(vocab)) {}

  /// log2 q(token | context); then learns it. Context and token below 2^32.
  double bits(std::uint64_t context, std::uint64_t token) {
    std::uint64_t& seen = seen_[context];
    std::uint64_t& count = counts_[context << 32 | token];
    const double q = (static_cast<double>(count) + 0.5) / (static_cast<double>(seen) + 0.5 * vocab_);
    ++count;
    ++seen;
    return kernels::log2(q);
  }

 private:
  double vocab_;
  std::unordered_map<std::uint64_t, std::uint64_t> seen_;    // context -> tokens
  std::unordered_map<std::uint64_t, std::uint64_t> counts_;  // (context, token) -> tokens
};

}  // namespace

double source_misfit(std::span<const std::int64_t> tokens, std::span<const std::uint8_t> valid,
                     std::size_t positions, std::uint64_t vocab, std::span<const double> log2_p) {
  AdaptiveCoder alone(vocab), following(vocab);
  const double uniform = -kernels::log2(static_cast<double>(vocab));
  std::array<double, 2> gains{};
  std::uint64_t last = 0;
  bool any = false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i % positions == 0) any = false;
    if (!is_valid(valid, i)) continue;
    const auto token = static_cast<std::uint64_t>(tokens[i]);
    const double source = log2_p.empty() ? uniform : log2_p[i];
    gains[0] += alone.bits(0, token) - source;
    if (any) gains[1] += following.bits(last, token) - source;
    last = token;
    any = true;
  }
  return log2_mean(gains);
}

}  // namespace pastonly::stats
