#include "report/limit_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "kernels/elementary.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

/// Which runs are no trials and why: the first few, for where something moves they are many.
std::string no_trials(const DetectionLimit& limit) {
  constexpr std::size_t shown_reasons = 3, shown_runs = 6;
  std::string text;
  std::size_t others = 0;
  for (std::size_t i = 0; i < limit.left_out.size(); ++i) {
    const auto& [runs, reason] = limit.left_out[i];
    if (i >= shown_reasons) {
      others += runs.size();
      continue;
    }
    const std::size_t count = std::min(runs.size(), shown_runs);
    text += fmt::format(" No trial: run{} {}", runs.size() == 1 ? "" : "s",
                        fmt::join(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(count), ", "));
    if (runs.size() > count) text += fmt::format(" and {} more", runs.size() - count);
    text += fmt::format(" ({}).", reason);
  }
  if (others > 0)
    text += fmt::format(" Nor {} other run{}: detection_limit.left_out of the JSON report says why.", others,
                        others == 1 ? "" : "s");
  return text;
}

}  // namespace

std::string limit_in_words(const Report& report) {
  if (report.detection_limit && report.detection_limit->planted_share &&
      *report.detection_limit->planted_share < 1.0) {
    return fmt::format(
        "Detection limit: {} trials with redrawn later tokens, among runs that change by "
        "themselves; a leak that changes {:.2g}% of a layer's decisions before the cut was "
        "planted into this recording and found in 19 of 20 plantings at least.",
        report.detection_limit->trials, 100.0 * *report.detection_limit->planted_share);
  }
  // Where something changed there is no upper limit to state.
  if (!report.detection_limit || report.detection_limit->trial_rate >= 1.0) return "";
  const DetectionLimit& limit = *report.detection_limit;
  std::string text = fmt::format(
      "Detection limit: {} trial{} with redrawn later tokens; a leak that shows in more than {:.3g}% of such "
      "trials ({:.2g} bits of collision information) would have been found with {:g}% confidence.",
      limit.trials, limit.trials == 1 ? "" : "s", 100.0 * limit.trial_rate,
      -kernels::log2(1.0 - limit.trial_rate), 100.0 * limit.confidence);
  if (limit.sequences > 0) {
    text += fmt::format(" The trials are of {} different sequence{}: by sequences the limit is {:.3g}%.",
                        limit.sequences, limit.sequences == 1 ? "" : "s", 100.0 * limit.sequence_rate);
  }
  if (limit.sequences > 0 && limit.decisions > 0) {
    text += fmt::format(
        " Of single decisions ({} compared), a leak that alters them independently is below {:.2g}%.",
        grouped(limit.decisions), 100.0 * limit.decision_rate);
  }
  if (!limit.unseen_chunks.empty())
    text += fmt::format(" Chunk widths that no cut can detect: {}.", fmt::join(limit.unseen_chunks, " "));
  if (!limit.unseen_after_first.empty()) {
    text += fmt::format(" Chunk widths that no cut can detect where chunks begin after a first token: {}.",
                        fmt::join(limit.unseen_after_first, " "));
  }
  return text + no_trials(limit);
}

}  // namespace pastonly::report
