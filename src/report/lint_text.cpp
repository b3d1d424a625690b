#include "report/lint_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/text/printable.h"
#include "report/paragraph.h"

namespace pastonly::report {
namespace {

constexpr std::size_t label_indent = 10;

std::size_t count_of(const Report& report, Severity severity) {
  return static_cast<std::size_t>(std::ranges::count(report.findings, severity, &Report::Finding::severity));
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string lint_verdict(const Report& report, const TextStyle& style) {
  std::string word(lint_verdict_word(report));
  const Ink ink = word == name(Verdict::pass)   ? Ink::green
                  : word == name(Verdict::fail) ? Ink::red
                                                : Ink::yellow;
  std::ranges::transform(word, word.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  return inked(word, ink, style.color) + "  " + lint_headline(report) + "\n";
}

std::string row(std::string_view label, std::string_view text, const TextStyle& style) {
  if (text.empty()) return "";
  return "  " + padded(label, label_indent - 2) + wrapped(text, label_indent, style.width) + "\n";
}

bool flag(const Value& witness, std::string_view key) {
  const Value* member = witness.find(key);
  return member != nullptr && member->flag().value_or(false);
}

std::string depends_on(const Value& witness) {
  std::string out;
  const auto add = [&](std::string_view key, std::string_view what) {
    if (flag(witness, key)) out += (out.empty() ? "" : ", ") + std::string(what);
  };
  add("future", "later tokens of the sequence");
  add("batch", "other sequences of the batch");
  add("length", "the length of the input");
  return out;
}

std::string finding_text(const Report::Finding& finding, const TextStyle& style) {
  const Ink ink = finding.severity == Severity::error     ? Ink::red
                  : finding.severity == Severity::warning ? Ink::yellow
                                                          : Ink::dim;
  std::string place;
  if (finding.place)
    place = fmt::format("{}:{}: ", input::printable(finding.place->file), finding.place->line);
  std::string out = place + inked(name(finding.severity), ink, style.color) + ": " +
                    input::printable(finding.message) + "\n";
  out += row("why", finding.witness.text_or("what", ""), style);
  out += row("sees", depends_on(finding.witness), style);
  out += row("set", finding.help, style);
  out += row("id", fmt::format("{} ({})", finding.claim, finding.witness.text_or("framework", "")), style);
  return out;
}

}  // namespace

std::string_view lint_verdict_word(const Report& report) {
  const auto* recognised = report.subject.options.array("recognised");
  const bool sure = recognised != nullptr && !recognised->empty() &&
                    report.subject.options.integer("unknown").value_or(0) == 0;
  return report.verdict == Verdict::pass && !sure ? name(Severity::note) : name(report.verdict);
}

std::string lint_headline(const Report& report) {
  const std::size_t errors = count_of(report, Severity::error),
                    warnings = count_of(report, Severity::warning), notes = count_of(report, Severity::note);
  const auto* recognised = report.subject.options.array("recognised");
  const auto read = report.subject.options.integer("read").value_or(0);
  const auto unread = report.subject.options.integer("unread").value_or(0);
  std::string said = read == 0 ? std::string("nothing was read: no file of a syntax that is known")
                               : fmt::format("{} read, {} with options that are known",
                                             counted(static_cast<std::size_t>(read), "file", "files"),
                                             recognised != nullptr ? recognised->size() : 0);
  if (unread > 0) {
    const std::string others = read == 0 ? "" : said + "; ";
    said = others + counted(static_cast<std::size_t>(unread), "file", "files") + " could not be read";
    const auto& reasons = report.verdict_reasons;
    if (!reasons.empty()) said += ": " + reasons.front();
    if (reasons.size() > 1) said += fmt::format("; and {} more", reasons.size() - 1);
  }
  const auto unknown = report.subject.options.integer("unknown").value_or(0);
  if (unknown > 0)
    said += fmt::format("; {} experts that route in a way that is not known here",
                        counted(static_cast<std::size_t>(unknown), "file has", "files have"));
  if (errors > 0) said += "; " + counted(errors, "option that is", "options that are") + " not causal";
  if (warnings > 0)
    said += "; " + counted(warnings, "option", "options") +
            " by which other sequences or the length have an influence";
  if (notes > 0) said += "; " + counted(notes, "note", "notes");
  if (errors + warnings + notes == 0 && recognised != nullptr && !recognised->empty() && unread == 0)
    said += "; none selects a rule that looks ahead";
  return said;
}

std::string lint_text(const Report& report, const TextStyle& style) {
  std::string out = lint_verdict(report, style);
  for (const auto& finding : report.findings) out += "\n" + finding_text(finding, style);
  if (!report.not_assessed.empty()) out += "\nNot assessed\n";
  for (const auto& one : report.not_assessed) out += "- " + wrapped(one.reason, 2, style.width) + "\n";
  return out;
}

}  // namespace pastonly::report
