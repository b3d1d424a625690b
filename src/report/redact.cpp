#include "report/redact.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "input/files/hash.h"
#include "pastonly/check.h"
#include "pastonly/names.h"
#include "pastonly/routing_rule.h"
#include "report/redact_text.h"
#include "report/told_findings.h"

namespace pastonly::report {
namespace {

constexpr std::uint64_t fewest_tokens = 64;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::ranges::find(list, text) != list.end();
}

/// The names that somebody gave tags, in the order in which the figures name them.
class TagNames {
 public:
  /// "drop_rate_by[tag 1]" for a figure of a tag; others stay.
  std::string renamed(const std::string& figure) {
    for (const char* by : {measurement::explained_by, measurement::drop_rate_by}) {
      const std::string_view label = label_in(figure, by);
      if (label.empty() || is_one_of(label, {"token", "position"})) continue;
      const auto next = fmt::format("tag {}", names_.size() + 1);
      return measurement::of(by, names_.emplace(label, next).first->second);
    }
    return figure;
  }

 private:
  static std::string_view label_in(std::string_view figure, std::string_view by) {
    const bool fits = figure.size() > by.size() + 2 && figure.starts_with(by) && figure[by.size()] == '[' &&
                      figure.ends_with(']');
    return fits ? figure.substr(by.size() + 1, figure.size() - by.size() - 2) : std::string_view();
  }
  std::map<std::string, std::string> names_;
};

/// Claims whose sentences hold counts, shares and p-values over all tokens, and no name out of a file.
bool holds_counts_alone(std::string_view claim) {
  return is_one_of(claim, {claim::flip, claim::within_noise, claim::routing_leak, claim::lost_routes});
}

/// A rule's id out of a report that may be anybody's.
bool is_rule(std::string_view id) { return find_rule(id) != nullptr; }

/// Figures of a single token.
bool is_of_one_token(std::string_view measurement) {
  return measurement == measurement::largest_log_prob_change;
}

/// Whole numbers and flags: other numbers may be thresholds, which are some token's score, and lists may hold
/// a figure for each token or expert.
Value counts_of(const Value& parameters) {
  Value out{Value::Object{}};
  const auto* members = parameters.object();
  for (const auto& [key, member] : members != nullptr ? *members : Value::Object{}) {
    if (member.integer() || member.flag()) out.set(key, member);
  }
  return out;
}

/// Where a witness stands, without the expert, its scores and the files.
Value redacted_witness(const Value& witness) {
  if (witness.object() == nullptr) return {};
  Value out{Value::Object{}};
  out.set("type", "withheld");
  const std::string rule = witness.text_or("rule", "");
  for (const char* key :
       {"base_run", "run_id", "layer", "row", "run_row", "position", "cut", "append", "tokens_changed"}) {
    if (const auto number = witness.integer(key)) out.set(key, *number);
  }
  if (is_rule(rule)) out.set("rule", rule);
  return out;
}

std::string redacted_message(const std::string& check, const std::string& claim, const std::string& message,
                             const Value& witness) {
  if (holds_counts_alone(claim)) return message;
  const std::string rule = witness.text_or("rule", "");
  return fmt::format("{}/{}{}: its sentence is withheld", check, claim,
                     is_rule(rule) ? " (" + rule + ")" : "");
}

/// Strings that name rules, units and the like; paths, names and commands are no such.
bool may_stay(const std::string& key, const Value& option) {
  if (option.number() || option.flag()) return true;
  if (option.text() != nullptr)
    return is_one_of(key, {"layout", "mode", "stage", "compute", "precision", "rule", "as", "unit"});
  const auto* list = option.array();
  return list != nullptr && key == "shape" &&
         std::ranges::all_of(*list, [](const Value& one) { return one.number().has_value(); });
}

void collect_texts(const Value& value, TextRedactor& texts) {
  if (const auto* text = value.text()) texts.hide(*text, "withheld");
  if (const auto* list = value.array()) {
    for (const Value& one : *list) collect_texts(one, texts);
  }
  if (const auto* members = value.object()) {
    for (const auto& [key, member] : *members) collect_texts(member, texts);
  }
}

void hide_names(const Report& report, TextRedactor& texts) {
  const auto all = all_of(report);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Report& one = *all[i];
    texts.hide(one.subject.name, all.size() > 1 ? fmt::format("recording {}", i + 1) : "withheld");
    for (const FileRecord& file : one.subject.files) texts.hide(file.path, "withheld");
    const auto* options = one.subject.options.object();
    for (const auto& [key, option] : options != nullptr ? *options : Value::Object{}) {
      if (!may_stay(key, option)) collect_texts(option, texts);
    }
    if (one.baseline) texts.hide(one.baseline->name, "withheld");
  }
  if (!is_one_of(report.policy.name, {"ci", "release"})) texts.hide(report.policy.name, "withheld");
}

/// What no text may show: paths and names, and what checks say in their own words.
TextRedactor redactor_of(const Report& report) {
  TextRedactor texts;
  hide_names(report, texts);
  const auto scrub = [&](const std::string& text) { texts.say(text, texts.scrubbed(text)); };
  const auto claim = [&](const std::string& check, const std::string& id, const std::string& message,
                         const std::string& help, const Value& witness) {
    texts.say(message, redacted_message(check, id, message, witness));
    texts.say(help, texts.advised(help));
  };
  for (const Report* one : all_of(report)) {
    for (const auto& finding : one->findings)
      claim(finding.check, finding.claim, finding.message, finding.help, finding.witness);
    for (const auto& row : one->dismissed)
      claim(row.check, row.claim.id, row.claim.message, row.claim.help, row.claim.witness);
    for (const auto& check : one->checks) scrub(check.reason);
    for (const auto& row : one->not_assessed) scrub(row.reason);
    if (!one->detection_limit) continue;
    for (const auto& row : one->detection_limit->left_out) scrub(row.reason);
  }
  return texts;
}

std::string digest_of(const Report& report) {
  std::string all;
  for (const FileRecord& file : report.subject.files) all += file.sha256 + "\n";
  return input::sha256_text(all);
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_option(std::string_view key) {
  constexpr std::size_t longest = 24;
  return key.size() <= longest &&
         key.find_first_not_of("abcdefghijklmnopqrstuvwxyz-_") == std::string_view::npos;
}

void redact_subject(Report& report, const std::string& name) {
  auto& subject = report.subject;
  // A report that says it is redacted may be anybody's: what it withheld already stays withheld.
  Report::Redaction redaction = report.redaction.value_or(Report::Redaction{});
  std::erase_if(redaction.withheld, [](const std::string& key) { return !is_option(key); });
  if (!subject.files.empty() || !is_digest(redaction.digest)) redaction.digest = digest_of(report);
  subject.name = name;
  subject.files.clear();
  Value options{Value::Object{}};
  const auto* stated = subject.options.object();
  for (const auto& [key, option] : stated != nullptr ? *stated : Value::Object{}) {
    if (may_stay(key, option)) {
      options.set(key, option);
    } else if (std::ranges::count(redaction.withheld, key) == 0) {
      redaction.withheld.push_back(key);
    }
  }
  subject.options = std::move(options);
  report.redaction = std::move(redaction);
}

void redact_claims(Report& report, const TextRedactor& texts) {
  for (auto& finding : report.findings) {
    finding.message = redacted_message(finding.check, finding.claim, finding.message, finding.witness);
    finding.help = texts.advised(finding.help);
    finding.witness = redacted_witness(finding.witness);
    finding.place.reset();
    const bool accepted = finding.standing && finding.standing->state == "accepted";
    if (finding.suppressed) finding.suppressed = accepted ? "accepted by the baseline withheld" : "withheld";
  }
  for (auto& row : report.dismissed) {
    row.claim.message = redacted_message(row.check, row.claim.id, row.claim.message, row.claim.witness);
    row.claim.help = texts.advised(row.claim.help);
    row.claim.witness = redacted_witness(row.claim.witness);
  }
}

void redact_rules(Report& report) {
  for (auto& layer : report.layers) {
    if (!layer.facts.rule) continue;
    layer.facts.rule->parameters = counts_of(layer.facts.rule->parameters);
    for (auto& candidate : layer.facts.rule->candidates)
      candidate.parameters = counts_of(candidate.parameters);
  }
}

void redact_one(Report& report, const std::string& name, const TextRedactor& texts, TagNames& tags) {
  redact_claims(report, texts);
  redact_rules(report);
  redact_subject(report, name);
  report.run.arguments.clear();
  for (auto& check : report.checks) {
    check.reason = texts.scrubbed(check.reason);
    check.charts.clear();
    std::erase_if(check.measurements, [](const Measurement& m) { return is_of_one_token(m.name); });
    for (Measurement& m : check.measurements) m.name = tags.renamed(m.name);
  }
  for (auto& row : report.not_assessed) row.reason = texts.scrubbed(row.reason);
  for (auto& reason : report.verdict_reasons) reason = texts.judged(reason);
  if (report.detection_limit) {
    for (auto& row : report.detection_limit->left_out) row.reason = texts.scrubbed(row.reason);
  }
  if (report.baseline) {
    report.baseline->name = "withheld";
    report.baseline->sha256.clear();
    for (auto& entry : report.baseline->entries) entry.message.clear();
    if (!is_one_of(report.baseline->policy, {"ci", "release"})) report.baseline->policy = "withheld";
  }
  if (!is_one_of(report.policy.name, {"ci", "release"})) report.policy.name = "withheld";
  for (auto& ignore : report.policy.ignore) ignore.reason = "withheld";
}

}  // namespace

Expected<Report> redact(const Report& report) {
  if (report.subject.kind == "configuration" || report.experiment)
    return usage_error(
        fmt::format("--redact: the report is of pastonly {}; reports of audit and compare can be redacted",
                    report.experiment ? "lab" : "lint"));
  for (const Report* one : all_of(report)) {
    // Runs of a plan repeat the same few tokens.
    const std::uint64_t tokens =
        std::min(one->subject.tokens, one->subject.run_tokens.value_or(one->subject.tokens));
    if (one->subject.kind != "logs" && tokens < fewest_tokens)
      return usage_error(fmt::format(
          "--redact: {} token positions in a run; of fewer than {} the figures themselves tell single "
          "decisions",
          tokens, fewest_tokens));
  }
  const TextRedactor texts = redactor_of(report);
  Report out = report;
  TagNames tags;
  redact_one(out, out.beside.empty() ? "withheld" : "recording 1", texts, tags);
  for (std::size_t i = 0; i < out.beside.size(); ++i)
    redact_one(out.beside[i], fmt::format("recording {}", i + 2), texts, tags);
  return out;
}

}  // namespace pastonly::report
