#include "session/forecast.h"

#include <fmt/format.h>

#include <cmath>

#include "report/words.h"
#include "stats/interval.h"

namespace pastonly::session {
namespace {

constexpr double long_seconds = 10.0;

/// To two digits or so: an estimate.
std::string about(double seconds) {
  if (seconds < 10.0) return fmt::format("{:.1f} s", seconds);
  if (seconds < 120.0) return fmt::format("{:.0f} s", seconds);
  const double minutes = std::round(seconds / 60.0);
  if (minutes < 120.0) return fmt::format("{:.0f} min", minutes);
  return fmt::format("{:.1f} hours", minutes / 60.0);
}

}  // namespace

std::optional<std::string> forecast(const run::Ahead& ahead, const CheckpointOptions& options,
                                    const Policy& policy) {
  const double plan = ahead.seconds * static_cast<double>(ahead.runs);
  const double most = ahead.seconds * static_cast<double>(ahead.runs + ahead.beyond);
  if (options.limit <= 0.0 && most < long_seconds) return std::nullopt;
  std::string out;
  if (options.limit > 0.0)
    out = fmt::format("a detection limit of {:g}% takes {} trials: ", 100.0 * options.limit,
                      stats::trials_for(options.limit, policy.alpha));
  out += fmt::format("{} runs of {} x {} tokens", report::grouped(ahead.runs),
                     report::grouped(ahead.batch.sequences), report::grouped(ahead.batch.positions));
  if (ahead.beyond > 0)
    out += fmt::format(", then up to {} more where checks ask", report::grouped(ahead.beyond));
  out += fmt::format("; at {:.2g} s each about {}", ahead.seconds, about(plan));
  if (ahead.beyond > 0) out += fmt::format(", {} at most", about(most));
  return out;
}

}  // namespace pastonly::session
