#include "integrity/declaration.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "input/text/printable.h"
#include "input/trace/declared_rule.h"
#include "routing/fits_experts.h"
#include "routing/rule_facts.h"

namespace pastonly::integrity {
namespace {

TraceIssue unknown_rule(const Trace& trace, std::string_view id) {
  const std::string instead = routing::instead_of_unknown(id);
  return {TraceIssue::Kind::oddity, "unknown-rule",
          input::printable(fmt::format(
              "{}: __metadata__ rule: pastonly knows no rule '{}'{}{} Decisions were not held against it",
              trace.path, id.substr(0, 60), instead, instead.ends_with('?') ? "" : ".")),
          std::nullopt, 1};
}

}  // namespace

Expected<void> check_declaration(Trace& trace) {
  if (trace.rule.empty()) return {};
  const auto spec = input::declared_rule(trace);
  if (!spec) return tl::unexpected(spec.error());
  if (find_rule(spec->id) == nullptr) {
    trace.issues.push_back(unknown_rule(trace, spec->id));
    return {};
  }
  const auto refuse = [&](std::string_view why) {
    return input_error(input::printable(fmt::format("{}: __metadata__ rule: {}", trace.path, why)));
  };
  const auto rule = make_rule(spec->id, spec->parameters);
  if (!rule) return refuse(rule.error().message);
  for (const LayerRecord& layer : trace.layers) {
    if (const auto fits = routing::fits_experts(**rule, layer.experts); !fits)
      return refuse(fmt::format("layer {}: {}", raw(layer.index), fits.error().message));
  }
  return {};
}

}  // namespace pastonly::integrity
