#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/ordered_json.h"
#include "report/told_findings.h"

namespace pastonly::report {

/// error | warning | note | none
std::string_view sarif_level(Severity severity) noexcept;

/// What findings of one check and claim are, with the check's help as text and Markdown.
struct SarifRules {
  explicit SarifRules(const std::vector<ToldFinding>& findings);
  /// Of a rule that some finding has.
  std::size_t index_of(const std::string& rule) const;

  std::vector<std::string> ids;  ///< ascending
  Json rules = Json::array();    ///< reportingDescriptor of each
};

}  // namespace pastonly::report
