#include "report/sarif_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "input/text/printable.h"
#include "pastonly/check.h"
#include "report/markdown_text.h"

namespace pastonly::report {
namespace {

constexpr std::size_t longest_help = 8000;

/// "causal-mask/flip" -> "CausalMaskFlip": the name that services show beside the id.
std::string pascal_case(std::string_view id) {
  std::string out;
  bool start = true;
  for (const char c : id) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) out += start && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    start = !letter;
  }
  return out.empty() ? "Finding" : out;
}

std::string_view precision_of(Claim::Basis basis) {
  return basis == Claim::Basis::proof ? "very-high" : basis == Claim::Basis::statistical ? "high" : "medium";
}

Json sarif_rule(const std::string& id, const Report::Finding& finding) {
  const Check* check = find_check(finding.check);
  // An option that `lint` knows says it itself.
  const std::string what = finding.witness.text_or("what", id);
  const std::string title = check != nullptr ? std::string(check->title) : what;
  const std::string about = check != nullptr ? std::string(check->help) : what;
  const std::string advice = input::printable(finding.help);
  const std::string more = fmt::format("pastonly explain {}", id);
  std::string text = about + (advice.empty() ? "" : " What to do: " + advice) + " More: `" + more + "`.";
  std::string markdown =
      fmt::format("**{}**: {}\n\n{}\n", markdown_text(id), markdown_text(title), markdown_text(about));
  if (!advice.empty()) markdown += fmt::format("\n**What to do.** {}\n", markdown_text(advice));
  markdown += fmt::format("\nMore: {}\n", markdown_code(more));
  return {{"id", id},
          {"name", pascal_case(id)},
          {"shortDescription", {{"text", cut_to(input::printable(title), 1000)}}},
          {"fullDescription", {{"text", cut_to(input::printable(about), 1000)}}},
          {"help", {{"text", cut_to(text, longest_help)}, {"markdown", cut_to(markdown, longest_help)}}},
          {"defaultConfiguration", {{"level", sarif_level(finding.severity)}}},
          {"properties",
           {{"tags", Json::array({"mixture-of-experts", "routing", "causality"})},
            {"precision", precision_of(finding.basis)}}}};
}

}  // namespace

std::string_view sarif_level(Severity severity) noexcept { return name(severity); }

SarifRules::SarifRules(const std::vector<ToldFinding>& findings) {
  std::map<std::string, const Report::Finding*> first;  // the most severe of each
  for (const ToldFinding& told : findings) first.emplace(told.rule, told.finding);
  for (const auto& [id, finding] : first) {
    ids.push_back(id);
    rules.push_back(sarif_rule(id, *finding));
  }
}

std::size_t SarifRules::index_of(const std::string& rule) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(ids, rule) - ids.begin());
}

}  // namespace pastonly::report
