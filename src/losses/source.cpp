#include "losses/source.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

namespace pastonly::losses {
namespace {

constexpr double misfit_bits = 20.0;

}  // namespace

std::vector<double> source_log2_probabilities(const Trace& trace, const stats::TokenSource& source) {
  std::vector<double> log2_p(trace.tokens.size());
  source.log2_probabilities(trace.tokens, trace.valid, trace.layout.positions, log2_p);
  return log2_p;
}

Expected<stats::TokenSource> source_of_tokens(const Trace& trace, const Source& named,
                                              stats::SourceFit& fit) {
  auto source = stats::TokenSource::make(named);
  if (!source) return source;
  const auto log2_p = source_log2_probabilities(trace, *source);
  for (std::size_t i = 0; i < trace.tokens.size(); ++i) {
    if (std::isfinite(log2_p[i])) continue;
    return input_error(fmt::format("{}: token {} at row {}, position {} cannot come from the source {}",
                                   trace.path, trace.tokens[i], i / trace.layout.positions,
                                   i % trace.layout.positions, name(named)));
  }
  fit.add(*source, trace.tokens, trace.valid, trace.layout.positions);
  if (fit.log2_supremum() > misfit_bits) {
    const auto best = fit.gain();
    return input_error(fmt::format(
        "{}: its tokens were not drawn from the source {} ({} alone gains {:.0f} bits on it); record the "
        "model on tokens of the source, or name the right one",
        trace.path, name(named), best.predictor, best.predictor_bits));
  }
  return source;
}

}  // namespace pastonly::losses
