#include "report/told_findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/text/printable.h"
#include "report/unique_names.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

constexpr std::size_t longest_told = 4000;  // bytes of a message; what is longer stands in the JSON report

bool is_file(const Policy& policy) {
  return !policy.name.empty() && policy.name != "ci" && policy.name != "release" && policy.name != "lint";
}

std::string told(const Report& report, const Report::Finding& finding, bool several) {
  std::string out = several ? report.subject.name + ": " : "";
  out += finding.message;
  const auto add = [&](const std::string& text) {
    if (text.empty()) return;
    if (!out.empty() && out.back() != '.') out += '.';
    out += " " + text;
  };
  const bool placed = finding.message.find("layer") != std::string::npos;
  if (const auto where = layers_in_words(finding.layers); !where.empty() && !placed)
    out += fmt::format(" ({})", where);
  if (const auto witness = witness_in_words(finding.witness); !witness.empty()) add("Witness: " + witness);
  add(finding.place && !finding.help.empty() ? "Instead: " + finding.help : finding.help);
  return cut_to(input::printable(out), longest_told);
}

}  // namespace

std::vector<const Report*> all_of(const Report& report) {
  std::vector<const Report*> all{&report};
  for (const Report& other : report.beside) all.push_back(&other);
  return all;
}

std::string cut_to(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  constexpr std::string_view ellipsis = "…";
  std::size_t end = bytes > ellipsis.size() ? bytes - ellipsis.size() : 0;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + std::string(ellipsis);
}

Report::Place place_of(const Report& report, const Report::Finding& finding) {
  return finding.place ? *finding.place : place_of(report);
}

Report::Place place_of(const Report& report) {
  if (is_file(report.policy)) return {report.policy.name, 1};
  const auto& files = report.subject.files;
  const auto named = [&](std::string_view name) {
    return std::ranges::find_if(files, [&](const FileRecord& file) {
      return file.path == name || file.path.ends_with("/" + std::string(name));
    });
  };
  for (const std::string_view name : {"config.json", "plan.json"}) {
    if (const auto file = named(name); file != files.end()) return {file->path, 1};
  }
  if (!files.empty() && !files.front().path.empty()) return {files.front().path, 1};
  return {"pastonly", 1};  // a server or a program: no file at all
}

std::string uri_of(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  std::string out = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out.empty() ? "pastonly" : out;
}

std::vector<ToldFinding> told_findings(const Report& report) {
  std::vector<ToldFinding> out;
  UniqueNames prints;
  for (const Report* one : all_of(report)) {
    for (const auto& finding : one->findings) {
      const std::string rule = input::printable(finding.check + "/" + finding.claim);
      const std::string print = finding.fingerprint.empty() ? rule : input::printable(finding.fingerprint);
      out.push_back({one, &finding, rule, prints.unique(print), told(*one, finding, !report.beside.empty())});
    }
  }
  std::ranges::stable_sort(out, std::ranges::greater{},
                           [](const ToldFinding& told) { return told.finding->severity; });
  return out;
}

}  // namespace pastonly::report
