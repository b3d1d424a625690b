#include "report/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/limit_words.h"
#include "report/told_findings.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

bool same_numbers(const Measurement& a, const Measurement& b) {
  return a.value == b.value && a.lower == b.lower && a.upper == b.upper && a.samples == b.samples;
}

std::string leak_of(const Report::Layer& layer) {
  if (!layer.facts.leak) return "no leak estimated";
  return fmt::format("leak {:.4g} {}", layer.facts.leak->bits, layer.facts.leak->unit);
}

std::string layer_in_words(const Report::Layer& layer) {
  const LayerFacts& facts = layer.facts;
  return fmt::format("{}, {}{}", facts.rule ? rule_in_words(*facts.rule) : "no rule known", leak_of(layer),
                     facts.origin ? ", origin " + facts.origin->kind : "");
}

std::string limit_of(const Report& report) {
  if (!report.detection_limit) return "none";
  const auto& limit = *report.detection_limit;
  return fmt::format("{} trials, a leak in more than {:.3g}% of such trials, {:.3g}% of single decisions",
                     limit.trials, 100.0 * limit.trial_rate, 100.0 * limit.decision_rate);
}

/// Of two recordings of one kind.
void compare(const Report& a, const Report& b, const std::string& of, Diff& out) {
  for (std::size_t l = 0; l < std::min(a.layers.size(), b.layers.size()); ++l) {
    const std::string before = layer_in_words(a.layers[l]), after = layer_in_words(b.layers[l]);
    if (before != after)
      out.layers.push_back({fmt::format("{}layer {}", of, b.layers[l].index), before, after});
  }
  if (const auto before = limit_of(a), after = limit_of(b); before != after)
    out.limits.push_back({of + "detection limit", before, after});
  const auto open_alone = [&](const Report& here, const Report& there, auto& list) {
    for (const auto& row : here.not_assessed) {
      const auto same = [&](const auto& other) {
        return other.check == row.check && other.reason == row.reason;
      };
      if (std::ranges::none_of(there.not_assessed, same)) list.emplace_back(of + row.check, row.reason);
    }
  };
  open_alone(a, b, out.open_in_a);
  open_alone(b, a, out.open_in_b);
  for (const auto& finding : b.findings) {
    if (!b.baseline) break;
    const auto& entries = b.baseline->entries;
    const auto then = std::ranges::find_if(entries, [&](const auto& entry) {
      return entry.check == finding.check && entry.claim == finding.claim && entry.layers == finding.layers;
    });
    if (then == entries.end()) continue;
    for (const Measurement& now : run::figures_of(b, finding)) {
      const auto old = std::ranges::find_if(
          then->figures, [&](const auto& m) { return m.name == now.name && m.layer == now.layer; });
      if (old == then->figures.end() || same_numbers(*old, now)) continue;
      const std::string where = layers_in_words(finding.layers);
      out.changed.push_back(
          {fmt::format("{}{}/{}{}{}: {}{}", of, finding.check, finding.claim, where.empty() ? "" : ", ",
                       where, now.name, now.layer ? fmt::format(" of layer {}", raw(*now.layer)) : ""),
           finding.fingerprint, *old, now});
    }
  }
}

std::multiset<std::string> hashes_of(const Report& report) {
  std::multiset<std::string> out;
  for (const Report* one : all_of(report)) {
    if (one->redaction) out.insert(one->redaction->digest);
    for (const FileRecord& file : one->subject.files) out.insert(file.sha256);
  }
  return out;
}

bool did_not_assess(const Report& a, const Report& b) {
  const auto ran = [](const Report& report, const std::string& id) {
    return std::ranges::any_of(report.checks,
                               [&](const auto& check) { return check.id == id && check.status == "ran"; });
  };
  return std::ranges::any_of(a.checks,
                             [&](const auto& check) { return check.status == "ran" && !ran(b, check.id); });
}

}  // namespace

Expected<Diff> diff_of(run::EarlierReport a, run::EarlierReport b, std::string_view today) {
  Diff out;
  // As the two are, whatever they themselves were held against.
  a.report.baseline.reset();
  for (auto& finding : a.report.findings) {
    if (finding.standing && finding.standing->state == "accepted") finding.suppressed.reset();
    finding.standing.reset();
  }
  const Verdict verdict = b.report.verdict;
  const auto reasons = b.report.verdict_reasons;
  auto judged = run::judge_by_baseline(std::move(b.report), a, today);
  if (!judged) return tl::unexpected(judged.error());
  for (const Report* one : all_of(*judged)) {
    if (one->baseline && !one->baseline->problem.empty())
      return input_error(fmt::format("{} and {} cannot be held against each other: {}", a.name, b.name,
                                     one->baseline->problem));
  }
  out.b = *std::move(judged);
  out.b.verdict = verdict;  // as it stands in the file
  out.b.verdict_reasons = reasons;
  out.name_b = b.name;
  out.sha256_b = b.sha256;
  compare(a.report, out.b, "", out);
  for (std::size_t i = 0; i < std::min(a.report.beside.size(), out.b.beside.size()); ++i)
    compare(a.report.beside[i], out.b.beside[i], fmt::format("recording {}: ", i + 2), out);
  const auto before = hashes_of(a.report), after = hashes_of(out.b);
  std::vector<std::string> both;
  std::ranges::set_intersection(before, after, std::back_inserter(both));
  out.same_files = both.size();
  out.files_a = before.size();
  out.files_b = after.size();
  out.a = std::move(a);
  return out;
}

int exit_code(const Diff& diff) {
  bool open = did_not_assess(diff.a.report, diff.b);
  for (std::size_t i = 0; i < diff.a.report.beside.size(); ++i)
    open = open || i >= diff.b.beside.size() || did_not_assess(diff.a.report.beside[i], diff.b.beside[i]);
  for (const Report* one : all_of(diff.b)) {
    for (const auto& finding : one->findings) {
      const bool grown = finding.standing && finding.standing->state != "accepted";
      if (grown && one->policy.fail_on != Severity::none && finding.severity >= one->policy.fail_on) return 1;
    }
  }
  return open ? 3 : 0;
}

}  // namespace pastonly::report
