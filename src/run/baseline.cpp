#include "run/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "pastonly/names.h"
#include "run/fingerprint.h"
#include "run/judge.h"
#include "stats/interval.h"

namespace pastonly::run {
namespace {

using Entry = Report::Baseline::Entry;

/// Claims without an amount of their own: the measurements of their check that say how large they are.
bool is_figure_of(std::string_view claim, std::string_view name) {
  if (claim == claim::flip || claim == claim::future_or_batch)
    return name == measurement::flip_rate_decisions;
  if (claim == claim::change) return name == measurement::moved_log_probs;
  // The share of tokens is soon that of all of them, and says nothing then.
  if (claim == claim::gate_mismatch)
    return name == measurement::differing_gates || name == measurement::gate_difference;
  if (claim == claim::loss_mismatch) return name == measurement::log_prob_distance;
  return false;
}

/// A share that counts of its samples give an interval.
bool is_share(const Measurement& m) {
  constexpr std::uint64_t most = std::uint64_t{1} << 53U;  // whole in a double
  return m.unit.starts_with("fraction") && m.value >= 0.0 && m.value <= 1.0 && m.samples > 0 &&
         m.samples <= most;
}

std::uint64_t successes(const Measurement& m) {
  return static_cast<std::uint64_t>(std::llround(m.value * static_cast<double>(m.samples)));
}

/// Units that all say the same give an interval without width, which is none.
bool has_interval(const Measurement& m) {
  return (m.lower || m.upper) && !(m.lower == m.upper && is_share(m));
}

double lower_end(const Measurement& m, double alpha) {
  if (has_interval(m) || !is_share(m)) return m.lower.value_or(m.value);
  return stats::clopper_pearson(successes(m), m.samples, alpha).lower;
}

double upper_end(const Measurement& m, double alpha) {
  if (has_interval(m) || !is_share(m)) return std::max(m.upper.value_or(m.value), m.value);
  return stats::clopper_pearson(successes(m), m.samples, alpha).upper;
}

std::string figure_in_words(const Measurement& m) {
  return m.layer ? fmt::format("{} of layer {}", m.name, raw(*m.layer)) : m.name;
}

/// Of few runs a bootstrap is too narrow (stats/bootstrap.h): the interval is at least that of the share.
void widen(Measurement& rate, const Report::CheckEntry& check, double alpha) {
  constexpr std::uint64_t fewest_runs = 8;
  if (rate.name != measurement::flip_rate_decisions || !has_interval(rate) || !is_share(rate)) return;
  const bool few = std::ranges::any_of(check.measurements, [&](const Measurement& m) {
    return m.name == measurement::run_flip_rate && m.layer == rate.layer && m.samples < fewest_runs;
  });
  if (!few) return;
  const auto share = stats::clopper_pearson(successes(rate), rate.samples, alpha);
  rate.lower = std::min(rate.lower.value_or(rate.value), share.lower);
  rate.upper = std::max(rate.upper.value_or(rate.value), share.upper);
}

/// What a finding of a layer's rule says is its fingerprint; its sentence names an example.
bool says_a_rule(std::string_view claim) { return claim == claim::leaky_rule; }

Entry entry_of(const Report& report, const Report::Finding& finding) {
  Entry entry{finding.check,
              finding.claim,
              finding.layers,
              rules_of(report, finding.layers),
              finding.fingerprint,
              finding.severity,
              figures_of(report, finding),
              "",
              ""};
  if (entry.figures.empty() && !says_a_rule(finding.claim) && !report.redaction)
    entry.message = finding.message;
  return entry;
}

/// Which of several hazards, arms and the like.
std::string_view which(const std::vector<Measurement>& figures) {
  return figures.empty() ? std::string_view() : label_of(figures.front().name);
}

std::string_view which(const Report::Finding& finding) {
  return finding.amount ? label_of(finding.amount->name) : std::string_view();
}

/// What was within the limits then may be so again under another policy. What was not significant then is no
/// evidence of anything, and accepts nothing.
std::optional<Entry> entry_of(const Report& report, const Report::Dismissed& dismissed) {
  const Claim& claim = dismissed.claim;
  if (!claim.amount || claim.basis == Claim::Basis::statistical) return std::nullopt;
  Entry entry{dismissed.check, claim.id, {}, {}, "", Severity::none, {*claim.amount}, "", ""};
  for (const LayerIndex layer : claim.layers) entry.layers.push_back(raw(layer));
  entry.rules = rules_of(report, entry.layers);
  entry.fingerprint = fingerprint(entry.check, entry.claim, entry.layers, entry.rules, which(entry.figures));
  return entry;
}

/// Whether what is found is what the entry is of. `part`: on some of its layers will do. `ruled`: rules were
/// looked for, so a layer whose rule is another, or none, is another layer.
bool is_of(const Entry& entry, const Report::Finding& finding, bool part, bool ruled) {
  if (entry.check != finding.check || entry.claim != finding.claim) return false;
  if (which(entry.figures) != which(finding)) return false;
  // A comparison's shares are over all layers, and which of them a rounding touches is chance.
  if (entry.check == check_id::same_routes && finding.amount) return true;
  if (!part) return ruled ? entry.fingerprint == finding.fingerprint : entry.layers == finding.layers;
  if (finding.layers.empty() || finding.layers.size() >= entry.layers.size()) return false;
  std::vector<std::string> rules;
  for (const std::uint32_t layer : finding.layers) {
    const auto at = std::ranges::find(entry.layers, layer);
    if (at == entry.layers.end()) return false;
    rules.push_back(entry.rules[static_cast<std::size_t>(at - entry.layers.begin())]);
  }
  return !ruled ||
         fingerprint(entry.check, entry.claim, finding.layers, rules, which(finding)) == finding.fingerprint;
}

bool ran(const Report& report, std::string_view check) {
  return std::ranges::any_of(report.checks,
                             [&](const auto& entry) { return entry.id == check && entry.status == "ran"; });
}

/// The entry that accepts the finding, else one that would if nothing had grown, else null. Each accepts one
/// finding, or any number on parts of its layers.
Entry* match(std::vector<Entry>& entries, const Report::Finding& finding, const Report& report) {
  Entry* outgrown = nullptr;
  // Of an audit that did not look for rules (--check) none are known.
  const auto known = [](const Entry& entry) {
    return std::ranges::any_of(entry.rules, [](const std::string& rule) { return !rule.empty(); });
  };
  const bool ruled =
      std::ranges::any_of(report.layers, [](const auto& layer) { return layer.facts.rule.has_value(); }) &&
      std::ranges::any_of(entries, known);
  for (const bool part : {false, true}) {
    for (Entry& entry : entries) {
      if ((!part && !entry.state.empty()) || !is_of(entry, finding, part, ruled)) continue;
      if (grown(entry, finding, report).empty()) return &entry;
      if (outgrown == nullptr) outgrown = &entry;
    }
  }
  return outgrown;
}

/// The recording of the earlier report that was made as this one was.
const Report* counterpart(const Report& earlier, const Report& one) {
  std::vector<const Report*> all{&earlier};
  for (const Report& other : earlier.beside) all.push_back(&other);
  const Report* alike = nullptr;
  for (const Report* other : all) {
    if (!differs_in_kind(*other, one).empty()) continue;
    if (other->subject.name == one.subject.name) return other;
    if (alike == nullptr) alike = other;
  }
  return alike;
}

std::size_t over_all(const Report& report, auto of_one) {
  std::size_t all = of_one(report);
  for (const Report& other : report.beside) all += of_one(other);
  return all;
}

}  // namespace

std::vector<Measurement> figures_of(const Report& report, const Report::Finding& finding) {
  if (finding.amount) return {*finding.amount};
  std::vector<Measurement> out;
  for (const auto& check : report.checks) {
    if (check.id != finding.check) continue;
    for (const Measurement& m : check.measurements) {
      const bool here =
          m.layer ? std::ranges::count(finding.layers, raw(*m.layer)) > 0 : finding.layers.empty();
      if (!is_figure_of(finding.claim, m.name) || !here) continue;
      out.push_back(m);
      widen(out.back(), check, report.policy.alpha);
    }
  }
  return out;
}

Report::Baseline baseline_of(const Report& earlier) {
  Report::Baseline out;
  out.version = earlier.tool.version;
  out.policy = earlier.policy.name;
  if (earlier.baseline) {
    // What was new or worse there was not accepted by anybody.
    out.entries = earlier.baseline->entries;
    std::erase_if(out.entries, [](const Entry& entry) { return entry.state == "gone"; });
    return out;
  }
  for (const auto& finding : earlier.findings) {
    if (!finding.suppressed) out.entries.push_back(entry_of(earlier, finding));
  }
  for (const auto& dismissed : earlier.dismissed) {
    if (auto entry = entry_of(earlier, dismissed)) out.entries.push_back(*std::move(entry));
  }
  return out;
}

std::string differs_in_kind(const Report& earlier, const Report& later) {
  const auto differ = [](std::string_view what, const auto& a, const auto& b) {
    return fmt::format("the baseline has {} {}, this report {}", what, a, b);
  };
  const auto kind = [](const Report& report) {
    const std::string& stated = report.subject.kind;
    const bool special =
        stated == "comparison" || stated == "logs" || stated == "configuration" || stated == "lab";
    return special ? stated : std::string("audit");
  };
  if (kind(earlier) != kind(later)) return differ("a report of kind", kind(earlier), kind(later));
  if (earlier.subject.mode != later.subject.mode)
    return differ("mode", earlier.subject.mode, later.subject.mode);
  if (earlier.subject.stage != later.subject.stage)
    return differ("stage", earlier.subject.stage, later.subject.stage);
  if (earlier.layers.size() != later.layers.size())
    return differ("routed layers:", earlier.layers.size(), later.layers.size());
  for (std::size_t l = 0; l < earlier.layers.size(); ++l) {
    const auto &a = earlier.layers[l], &b = later.layers[l];
    if (a.index != b.index)
      return differ(fmt::format("as routed layer number {} layer", l), a.index, b.index);
    if (a.experts != b.experts)
      return differ(fmt::format("experts in layer {}:", a.index), a.experts, b.experts);
  }
  if (earlier.subject.vocab && later.subject.vocab && earlier.subject.vocab != later.subject.vocab)
    return differ("a vocabulary of", *earlier.subject.vocab, *later.subject.vocab);
  return "";
}

std::string grown(const Entry& entry, const Report::Finding& now, const Report& report) {
  constexpr double rounding = 1e-6;  // builds for different processors round differently
  if (entry.severity != Severity::none && now.severity > entry.severity)
    return fmt::format("its severity was {}, and is {}", name(entry.severity), name(now.severity));
  const auto figures = figures_of(report, now);
  if (figures.empty() && !entry.figures.empty()) return "it states no figure, and did";
  // Notes of noise never say the same twice, and fail nothing.
  const bool noise = claim::is_about_noise(now.claim) && now.severity <= Severity::note;
  const bool told = !noise && !entry.message.empty();
  if (figures.empty() && told && entry.message != now.message)
    return "it has no figure that could be held against the baseline's, and says something else";
  for (const Measurement& m : figures) {
    const auto then = std::ranges::find_if(
        entry.figures, [&](const Measurement& old) { return old.name == m.name && old.layer == m.layer; });
    const std::string what = figure_in_words(m);
    if (then == entry.figures.end()) return fmt::format("the baseline has no {}", what);
    if (then->unit != m.unit)
      return fmt::format("{} was measured in {}, and is in {}", what, then->unit, m.unit);
    const double most = upper_end(*then, report.policy.alpha), least = lower_end(m, report.policy.alpha);
    if (!(least <= most + rounding * std::abs(most)))
      return fmt::format("{} is {:.4g} {}, at least {:.4g}; it was {:.4g}, at most {:.4g}", what, m.value,
                         m.unit, least, then->value, most);
    if (m.samples < then->samples && then->samples - m.samples > m.samples)
      return fmt::format("{} rests on {} samples, and did on {}: too few to say that it did not grow", what,
                         m.samples, then->samples);
  }
  return "";
}

void hold_against_baseline(Report& report) {
  if (!report.baseline) return;
  auto& baseline = *report.baseline;
  for (Entry& entry : baseline.entries) entry.state.clear();
  for (auto& finding : report.findings) {
    Entry* entry = baseline.problem.empty() ? match(baseline.entries, finding, report) : nullptr;
    if (entry != nullptr) entry->state = "found";
    if (finding.suppressed) continue;
    if (entry == nullptr) {
      finding.standing = Report::Standing{"new", ""};
    } else if (auto why = grown(*entry, finding, report); !why.empty()) {
      finding.standing = Report::Standing{"worse", std::move(why)};
    } else {
      finding.standing = Report::Standing{"accepted", ""};
      finding.suppressed = fmt::format("accepted by the baseline {}", baseline.name);
    }
  }
  for (Entry& entry : baseline.entries) {
    if (!entry.state.empty()) continue;
    // What was within its limits is no finding that could be gone.
    entry.state = entry.severity == Severity::none ? "found"
                  : ran(report, entry.check)       ? "gone"
                                                   : "not assessed";
  }
}

Expected<Report> judge_by_baseline(Report report, const EarlierReport& earlier, std::string_view today) {
  const auto hold = [&](Report& one) {
    const Report* other = counterpart(earlier.report, one);
    one.baseline = other != nullptr ? baseline_of(*other) : Report::Baseline();
    if (other == nullptr) one.baseline->problem = differs_in_kind(earlier.report, one);
    one.baseline->name = earlier.name;
    one.baseline->sha256 = earlier.sha256;
    one.baseline->version = earlier.report.tool.version;
    one.baseline->policy = earlier.report.policy.name;
  };
  hold(report);
  for (Report& other : report.beside) hold(other);
  const Policy policy = report.policy;
  return judge_again(std::move(report), policy, today);
}

Expected<Report> judge_by_baseline_of(Report report, const Report& stated, std::string_view today) {
  report.baseline = stated.baseline;
  bool any = stated.baseline.has_value();
  for (std::size_t i = 0; i < std::min(report.beside.size(), stated.beside.size()); ++i) {
    report.beside[i].baseline = stated.beside[i].baseline;
    any = any || stated.beside[i].baseline.has_value();
  }
  if (!any) return report;
  const Policy policy = report.policy;
  return judge_again(std::move(report), policy, today);
}

std::size_t findings_that_are(const Report& report, std::string_view state) {
  return over_all(report, [&](const Report& one) {
    return static_cast<std::size_t>(std::ranges::count_if(one.findings, [&](const Report::Finding& finding) {
      return finding.standing && finding.standing->state == state;
    }));
  });
}

std::size_t entries_that_are(const Report& report, std::string_view state) {
  return over_all(report, [&](const Report& one) {
    return one.baseline
               ? static_cast<std::size_t>(std::ranges::count(one.baseline->entries, state, &Entry::state))
               : std::size_t{0};
  });
}

}  // namespace pastonly::run
