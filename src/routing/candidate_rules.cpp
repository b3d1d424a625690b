#include "routing/candidate_rules.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "pastonly/routing_rule.h"

namespace pastonly {
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

}  // namespace

std::vector<std::string> suspects(const Layout& layout, std::size_t experts, std::int64_t k, bool fine) {
  std::vector<std::string> all;
  const auto sizes = chunks(layout, experts, k, fine);
  all.reserve(sizes.size());
  for (const std::size_t chunk : sizes) all.push_back(fmt::format("expert-choice,k={},chunk={}", k, chunk));
  for (const std::string_view scope : {"", ",scope=sequence"}) {
    const auto add = [&](const std::string& rule) { all.push_back(fmt::format("{}{}", rule, scope)); };
    const bool is_a_chunk =
        !scope.empty() && layout.order == TokenOrder::batch_major && sizes.contains(layout.positions);
    if (!is_a_chunk) add(fmt::format("expert-choice,k={}", k));
    for (const std::string_view factor : {"1", "1.25"}) {
      if (!fine && factor != "1") continue;
      add(fmt::format("drop-by-score,k={},capacity_factor={}", k, factor));
      if (k > 1) add(fmt::format("batch-priority,k={},capacity_factor={}", k, factor));
      if (k == 2) add(fmt::format("gshard-top-2,k=2,capacity_factor={}", factor));
    }
    add(fmt::format("next-choice,k={},capacity_factor=1", k));
    add(fmt::format("sinkhorn,k={}", k));
    if (k == 1) add("assignment");
  }
  std::erase_if(all, [&](const std::string& rule) { return !reads_future(rule, layout, experts); });
  return all;
}

}  // namespace pastonly
