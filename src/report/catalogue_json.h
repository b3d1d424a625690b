#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lint/option.h"
#include "pastonly/check.h"
#include "pastonly/routing_rule.h"

namespace pastonly::report {

/// What `explain` found under a name: any of the three.
struct Explained {
  const RuleInfo* rule = nullptr;
  const Check* check = nullptr;
  std::vector<const lint::Option*> options;
};

/// The tables that the program knows, as JSON of stable keys (docs/reports.md).
std::string write_rules_json();
std::string write_explained_json(std::string_view asked, const Explained& explained);

/// "is", "at least": of a condition of an option.
std::string_view in_words(lint::Test test) noexcept;

}  // namespace pastonly::report
