#include "report/finding_families.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "report/baseline_words.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

std::optional<std::string> arm_of(const Report::Finding& finding) {
  const auto* text = finding.witness.text("arm");
  return text != nullptr ? std::optional(*text) : std::nullopt;
}

/// What a message says, without its figures and the details that follow a semicolon.
std::string gist(const Report::Finding& finding) {
  std::string out = finding.witness.text_or("hazard", "");
  for (const char c : finding.message) {
    if (c == ';') break;
    const bool figure = (c >= '0' && c <= '9') || c == '.' || c == ',' || c == '-' || c == '+';
    if (!figure) out += c;
  }
  return out;
}

/// What findings that may be one told of several layers or arms have in common.
std::string kind_of(const Report::Finding& finding) {
  const auto& place = finding.place;
  return fmt::format("{}\n{}\n{}\n{}\n{}", finding.check, finding.claim, name(finding.severity),
                     standing_in_words(finding), place ? fmt::format("{}:{}", place->file, place->line) : "");
}

/// The family of a finding, looked up by its kind: a report may hold a hundred thousand findings. Within a
/// kind, findings of the first one's arm are told apart by their gist; those of other arms join the first,
/// since an experiment's arms differ in more than figures.
class FamilyIndex {
 public:
  std::size_t find_or_add(const Report::Finding& finding, std::size_t next) {
    const auto [kind, added] = kinds_.emplace(kind_of(finding), Kind{arm_of(finding), next, {}});
    Kind& known = kind->second;
    if (known.arm != arm_of(finding)) return known.first;
    return known.gists.emplace(gist(finding), next).first->second;
  }

 private:
  struct Kind {
    std::optional<std::string> arm;  // of its first finding
    std::size_t first = 0;
    std::map<std::string, std::size_t> gists;
  };
  std::map<std::string, Kind> kinds_;
};

}  // namespace

std::vector<Kin> families(const std::vector<Report::Finding>& findings) {
  std::vector<Kin> kin;
  FamilyIndex index;
  for (const auto& finding : findings) {
    const std::size_t at = index.find_or_add(finding, kin.size());
    if (at == kin.size()) {
      kin.push_back({&finding, finding.layers, 0, {}});
      continue;
    }
    Kin& same = kin[at];
    ++same.more;
    if (const auto arm = arm_of(finding); arm && arm != arm_of(*same.first)) {
      if (std::ranges::count(same.arms, *arm) == 0) same.arms.push_back(*arm);
    }
    same.layers.insert(same.layers.end(), finding.layers.begin(), finding.layers.end());
  }
  for (Kin& family : kin) {
    std::ranges::sort(family.layers);
    family.layers.erase(std::unique(family.layers.begin(), family.layers.end()), family.layers.end());
  }
  return kin;
}

std::string heading_of(const Kin& kin) {
  std::string head = fmt::format("{}/{}", kin.first->check, kin.first->claim);
  if (const auto where = layers_in_words(kin.layers); !where.empty()) head += ", " + where;
  if (kin.first->basis == Claim::Basis::statistical && kin.first->confidence)
    head += fmt::format(", confidence {:.4g}", *kin.first->confidence);
  return head;
}

}  // namespace pastonly::report
