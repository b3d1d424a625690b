#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pastonly/error.h"
#include "pastonly/report.h"

namespace pastonly::run {

/// An earlier report that is accepted, and where it was read.
struct EarlierReport {
  Report report;
  std::string name;    ///< its path
  std::string sha256;  ///< of its bytes
};

/// What `earlier` accepts of one recording: its findings that its policy did not ignore, and what was within
/// its limits. Of a report that had a baseline itself: that one's entries, but those that were gone, so that
/// a chain of reports accepts nothing that its first report did not.
Report::Baseline baseline_of(const Report& earlier);

/// Why findings of the two cannot be held against each other, "" where they can: kind of subject, mode,
/// stage, layers, experts and vocabulary must agree. Names, files, tokens, policy, seed and version may
/// differ.
std::string differs_in_kind(const Report& earlier, const Report& later);

/// Why `entry` does not accept what `now` found: "" where it does. Severity must not be higher. Of each
/// figure the lower end of its interval now must not lie above the upper end then, and it must rest on at
/// least half of the samples. Figures without an interval that are shares get that of Clopper and Pearson at
/// level alpha. Where there is no figure the sentence must be the same, but of rules and of notes about
/// noise.
std::string grown(const Report::Baseline::Entry& entry, const Report::Finding& now, const Report& report);

/// The figures of a finding that must not grow: its amount, or the flip rates of its layers and the like;
/// those of fewer than eight runs with an interval of the share's width at least.
std::vector<Measurement> figures_of(const Report& report, const Report::Finding& finding);

/// Gives every finding that the policy does not ignore its standing to report.baseline, suppresses accepted
/// ones, and says which entries are gone. Nothing without a baseline. Requires report.findings, checks,
/// layers, policy.
void hold_against_baseline(Report& report);

/// Judges a finished report, and those beside it, again, by its own policy and an earlier report.
Expected<Report> judge_by_baseline(Report report, const EarlierReport& earlier, std::string_view today);
/// The same by the baselines that another report states: what a repeated audit needs.
Expected<Report> judge_by_baseline_of(Report report, const Report& stated, std::string_view today);

/// How many findings stand so; how many entries of its baseline do. Of the report and those beside it.
std::size_t findings_that_are(const Report& report, std::string_view state);
std::size_t entries_that_are(const Report& report, std::string_view state);

}  // namespace pastonly::run
