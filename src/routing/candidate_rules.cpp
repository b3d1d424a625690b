#include "routing/candidate_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "pastonly/routing_rule.h"
#include "routing/rule_facts.h"
#include "routing/rule_traits.h"

namespace pastonly::routing {
namespace {

std::set<std::size_t> chunks(const Layout& layout, std::size_t experts, std::int64_t k, bool fine) {
  const std::size_t tokens = layout.tokens();
  std::set<std::size_t> out;
  const auto add = [&](std::size_t chunk) {
    if (chunk >= 2 && chunk < tokens && chunk * static_cast<std::size_t>(k) >= experts) out.insert(chunk);
  };
  for (std::size_t chunk = 2; chunk < tokens; chunk *= 2) {
    add(chunk);
    if (fine) add(chunk / 2 * 3);
  }
  return out;
}

bool reads_future(const std::string& rule, const Layout& layout, std::size_t experts) {
  const auto spec = parse_rule(rule);
  if (!spec) return false;
  const auto made = make_rule(spec->id, spec->parameters);
  return made && (*made)->dependence(layout, experts).future;
}

/// The rules that are tried in one form, in their order.
std::vector<const RuleInfo*> swept(SweepForm form, std::int64_t k) {
  const auto sweep = [](const RuleInfo* info) { return rule_traits(info->id).sweep; };
  std::vector<const RuleInfo*> out;
  for (const RuleInfo& info : routing_rules()) {
    const Sweep own = sweep(&info);
    if (own.place > 0 && own.form == form && own.least_k <= k && k <= own.most_k) out.push_back(&info);
  }
  std::ranges::sort(out, {}, [&](const RuleInfo* info) { return sweep(info).place; });
  return out;
}

std::string rule_text(const RuleInfo& rule, std::int64_t k, std::string_view rest) {
  if (!takes(rule, "k")) return fmt::format("{}{}", rule.id, rest);
  return fmt::format("{},k={}{}", rule.id, k, rest);
}

}  // namespace

std::vector<std::string> candidate_rules(const Layout& layout, std::size_t experts, std::int64_t k,
                                         std::span<const std::int64_t> separators, bool fine) {
  using Form = SweepForm;
  std::vector<std::string> all;
  const auto add = [&](Form form, const std::string& rest) {
    for (const RuleInfo* rule : swept(form, k)) all.push_back(rule_text(*rule, k, rest));
  };
  const auto sizes = chunks(layout, experts, k, fine);
  for (const std::size_t chunk : sizes) add(Form::chunks, fmt::format(",chunk={}", chunk));
  for (const std::string_view scope : {"", ",scope=sequence"}) {
    const bool is_a_chunk =
        !scope.empty() && layout.order == TokenOrder::batch_major && sizes.contains(layout.positions);
    if (!is_a_chunk) add(Form::chunks, std::string(scope));
    add(Form::capacity_factors, fmt::format(",capacity_factor=1{}", scope));
    if (fine) add(Form::capacity_factors, fmt::format(",capacity_factor=1.25{}", scope));
    add(Form::no_spare_capacity, fmt::format(",capacity_factor=1{}", scope));
    add(Form::plain, std::string(scope));
    add(Form::budgets, scope.empty() ? ",scope=batch" : "");
  }
  for (const std::int64_t token : separators)
    add(Form::chunks, fmt::format(",scope=document,separator={}", token));
  for (std::size_t ranks = 2; 2 * ranks <= experts && (fine || ranks == 2); ranks *= 2) {
    if (experts % ranks == 0) add(Form::ranks, fmt::format(",ranks={},capacity_factor=1", ranks));
  }
  std::erase_if(all, [&](const std::string& rule) { return !reads_future(rule, layout, experts); });
  return all;
}

}  // namespace pastonly::routing
