#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "report/headline.h"
#include "report/html_charts.h"
#include "report/html_losses.h"
#include "report/html_parts.h"
#include "report/html_sections.h"
#include "report/html_style.h"
#include "report/told_findings.h"
#include "report/what_to_do.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

constexpr std::size_t most_reasons = 20;

/// What the page consists of, in its order. `mark` keeps ids of several recordings apart.
struct Page {
  std::string links, body;
  void add(const std::string& id, const std::string& heading, const std::string& content) {
    if (content.empty()) return;
    links += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", id, xml_text(heading));
    body += html_section(id, heading, content);
  }
};

bool is_lint(const Report& report) { return report.subject.kind == "configuration"; }

void add_recording(const Report& report, const std::string& of, std::size_t number, Page& page) {
  const auto add = [&](std::string_view id, std::string_view heading, const std::string& content) {
    page.add(fmt::format("{}-{}", id, number), fmt::format("{}{}", heading, of), content);
  };
  add("experiment", "Experiment", html_experiment(report));
  add("findings", "Findings", html_findings(report));
  add("influence", "Does a later token change an earlier decision?", html_influence(report));
  add("layers", "Layers", html_layer_figures(report) + html_layers(report));
  add("comparison", "Comparison", html_agreement_figures(report));
  add("losses", "Losses", html_losses(report));
  add("replays", "Other orders and chunk sizes", html_replay_figures(report));
  add("rules", "Rules", html_rules(report));
  add("health", "Loads, drops and experts", html_health(report));
  add("gaps", "Not assessed", html_gaps(report));
  if (is_lint(report))
    add("files", "Files", html_method(report));
  else
    add("method", "Method and limits", html_method(report));
}

std::string_view question_of(const Report& report) {
  if (is_lint(report)) return "which options look ahead?";
  return report.subject.kind == "comparison" ? "do both recordings route alike?"
                                             : "does routing see the future?";
}

/// What the first finding that fails the policy says: the reason, before the names of checks.
std::string html_worst(const Report& report) {
  if (report.verdict != Verdict::fail) return "";
  for (const Report* one : all_of(report)) {
    for (const auto& finding : one->findings) {
      if (finding.suppressed || finding.severity < one->policy.fail_on) continue;
      std::string said = cut_to(placed_message(finding), 400);
      if (!finding.place && !said.empty())
        said.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(said.front())));
      return html_paragraph(said + (said.ends_with('.') || said.ends_with("…") ? "" : "."), "reason");
    }
  }
  return "";
}

std::string html_reasons(const Report& report) {
  const auto reasons = reasons_in_words(report);
  std::string out;
  for (std::size_t i = 0; i < std::min(reasons.size(), most_reasons); ++i)
    out += html_paragraph(cut_to(reasons[i], 4'000), "reason");
  if (reasons.size() > most_reasons)
    out += html_paragraph(fmt::format("… and {} reasons more.", reasons.size() - most_reasons), "muted");
  if (const std::string advice = what_to_do(report); !advice.empty())
    out += html_paragraph("What to do: " + advice, "reason");
  return html_worst(report) + out;
}

std::string html_facts(const Report& report) {
  std::string out = "<dl>\n";
  const auto fact = [&](std::string_view term, const std::string& text) {
    if (!text.empty()) out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", term, xml_text(cut_to(text, 1'000)));
  };
  for (const Report* one : all_of(report))
    fact("subject", fmt::format("{} ({})", one->subject.name, subject_in_words(one->subject)));
  fact("policy", report.policy.name);
  fact("started", report.run.started);
  if (!is_lint(report)) fact("seed", fmt::format("{}", report.run.seed));
  fact("program", report.tool.version.empty() ? "" : "pastonly " + report.tool.version);
  return out + "</dl>\n";
}

}  // namespace

std::string write_html(const Report& report, const TextStyle&) {
  Page page;
  std::size_t number = 0;
  for (const Report* one : all_of(report))
    add_recording(*one, report.beside.empty() ? "" : ": " + cut_to(one->subject.name, 200), number++, page);
  const std::string_view verdict = verdict_word(report);
  const std::string title =
      xml_text(fmt::format("pastonly: {}, {}", verdict, cut_to(report.subject.name, 200)));
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action "
      "'none'\">\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" "
      "content=\"no-referrer\">\n<title>{0}</title>\n<style>{1}{2}</style>\n</head>\n<body>\n<a "
      "class=\"skip\" "
      "href=\"#main\">To the report</a>\n<header>\n<h1>pastonly: {8}</h1>\n<p "
      "class=\"verdict "
      "{3}\">{3}</p>\n{4}{5}</header>\n<nav aria-label=\"Sections\"><ul>\n{6}</ul></nav>\n<main id=\"main\" "
      "tabindex=\"-1\">\n{7}</main>\n<footer><p>Written by pastonly. The JSON report holds all of "
      "it{9}.</p></footer>\n</body>\n</html>\n",
      title, svg_style(), html_style(), verdict, html_reasons(report), html_facts(report), page.links,
      page.body, question_of(report), is_lint(report) ? "" : ", and <code>pastonly verify</code> checks it");
}

}  // namespace pastonly::report
