#include "subject/source.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

#include "stats/source_fit.h"

namespace pastonly {
namespace {

constexpr double kMisfitBits = 20.0;

}  // namespace

double entropy_bits(const Source& source) { return std::log2(static_cast<double>(source.vocab)); }

Expected<void> require_source(const Trace& trace, const Source& source) {
  if (source.kind != "uniform" || source.vocab < 2 || source.vocab >> 32 != 0) {
    return usage_error(fmt::format("source {}:{} is not known; name uniform:V with V at least 2", source.kind,
                                   source.vocab));
  }
  for (std::size_t i = 0; i < trace.tokens.size(); ++i) {
    if (!trace.valid.empty() && trace.valid[i] == 0) continue;
    if (trace.tokens[i] >= 0 && static_cast<std::uint64_t>(trace.tokens[i]) < source.vocab) continue;
    return input_error(
        fmt::format("{}: token {} at row {}, position {} cannot come from the source uniform:{}", trace.path,
                    trace.tokens[i], i / trace.layout.positions, i % trace.layout.positions, source.vocab));
  }
  const double bits = stats::source_misfit(trace.tokens, trace.valid, trace.layout.positions, source.vocab);
  if (bits > kMisfitBits) {
    return input_error(fmt::format(
        "{}: its tokens were not drawn from the source uniform:{} (counting them alone gains {:.0f} bits on "
        "it); record the model on tokens of the source, or name the right one",
        trace.path, source.vocab, bits));
  }
  return {};
}

}  // namespace pastonly
