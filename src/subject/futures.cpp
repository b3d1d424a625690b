#include "subject/futures.h"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "subject/study.h"

namespace pastonly {
namespace {

/// Which layers, and last whether any, route the prefix differently.
std::vector<bool> differs(const Difference& difference, std::size_t layers) {
  std::vector<bool> changed(layers + 1, false);
  for (std::size_t l = 0; l < layers; ++l) {
    changed[l] = difference.layers[l].flips > 0;
    changed[layers] = changed[layers] || changed[l];
  }
  return changed;
}

/// Sorts routings into classes of equals. Equality within rounding need not be transitive; a routing
/// joins the first class whose representative it equals.
class Classes {
 public:
  explicit Classes(std::size_t rows) : counts_(rows), ids_(rows) {}

  /// `changed[i]`: how the routing differs from representative i.
  template <class Compare>
  Expected<void> add(const Trace& trace, Compare&& compare_with) {
    const std::size_t rows = counts_.size();
    std::vector<std::optional<std::size_t>> ids(rows);
    for (std::size_t r = 0; r < representatives_.size() && !ids.back(); ++r) {
      const Expected<std::vector<bool>> changed = compare_with(representatives_[r], trace);
      if (!changed) return tl::unexpected(changed.error());
      for (std::size_t row = 0; row < rows; ++row) {
        if (!ids[row] && !(*changed)[row]) ids[row] = ids_[row][r];
      }
    }
    const bool fresh = !ids.back();
    for (std::size_t row = 0; row < rows; ++row) {
      if (!ids[row]) {
        ids[row] = counts_[row].size();
        counts_[row].push_back(0);
      }
      ++counts_[row][*ids[row]];
      if (fresh) ids_[row].push_back(*ids[row]);
    }
    if (fresh) representatives_.push_back(trace);
    return {};
  }
  std::vector<std::vector<std::uint64_t>> counts() && { return std::move(counts_); }

 private:
  std::vector<Trace> representatives_;
  std::vector<std::vector<std::uint64_t>> counts_;  // (rows) members per class
  std::vector<std::vector<std::size_t>> ids_;       // (rows, representatives) class of each
};

struct Future {
  const Intervention* run;
  Trace trace;
};

Value witness_of(const Prefix& prefix, const Future& a, const Future& b, const Difference& difference,
                 std::size_t layers) {
  for (std::size_t l = 0; l < layers; ++l) {
    if (difference.layers[l].first_flips.empty()) continue;
    const Flip& flip = difference.layers[l].first_flips.front();
    Value out;
    out.set("type", "flip");
    out.set("base", a.trace.path);
    out.set("run", b.trace.path);
    out.set("base_run", a.run->id);
    out.set("run_id", b.run->id);
    out.set("kind", "suffix");
    out.set("layer", raw(a.trace.layers[l].index));
    out.set("row", flip.row);
    out.set("position", flip.position);
    out.set("expert", flip.expert);
    out.set("before", flip.after ? 0 : 1);
    out.set("after", flip.after ? 1 : 0);
    out.set("cut", prefix.cut);
    out.set("rows_changed", Value::Array{Value(prefix.row)});
    return out;
  }
  return {};
}

}  // namespace

std::vector<Prefix> independent_prefixes(const Evidence& evidence, const Layout& layout) {
  std::map<std::tuple<std::uint32_t, std::size_t, std::size_t>, Prefix> groups;  // (base, row, cut)
  for (const Intervention* run : evidence.runs(Intervention::Kind::suffix)) {
    if (!single_row(*run, layout) || run->cut == 0) continue;
    const std::size_t row = changed_rows(*run, layout).front();
    Prefix& prefix = groups[{run->base.value_or(0), row, run->cut}];
    prefix = {run->base.value_or(0), row, run->cut, std::move(prefix.futures)};
    const auto same = [&](const Intervention* other) { return other->resample == run->resample; };
    if (std::ranges::none_of(prefix.futures, same)) prefix.futures.push_back(run);
  }
  std::map<std::pair<std::uint32_t, std::size_t>, Prefix> best;  // (base, row)
  for (auto& [key, prefix] : groups) {
    if (prefix.futures.size() < 2) continue;
    Prefix& kept = best[{prefix.base, prefix.row}];
    if (prefix.futures.size() >= kept.futures.size()) kept = std::move(prefix);
  }
  std::vector<Prefix> prefixes;
  for (auto& [key, prefix] : best) {
    std::ranges::sort(prefix.futures, {}, &Intervention::resample);
    prefixes.push_back(std::move(prefix));
  }
  return prefixes;
}

Expected<PrefixRouting> route_prefix(Evidence& evidence, const Prefix& prefix, const Tolerances& tolerances,
                                     std::size_t layers) {
  const Region region{prefix.row, prefix.row, prefix.cut};
  const auto difference_of = [&](const Trace& a, const Trace& b) {
    return compare(a, b, std::span(&region, 1), tolerances);
  };
  PrefixRouting out;
  out.differing.assign(layers + 1, 0);
  Classes classes(layers + 1);
  const bool many = prefix.futures.size() >= kManyFutures;
  std::optional<Future> odd;  // waits for its partner
  for (const Intervention* run : prefix.futures) {
    auto trace = evidence.trace(*run);
    if (!trace) return tl::unexpected(trace.error());
    if (many) {
      const auto added = classes.add(*trace, [&](const Trace& a, const Trace& b) {
        return difference_of(a, b).map([&](const Difference& d) { return differs(d, layers); });
      });
      if (!added) return tl::unexpected(added.error());
    }
    Future future{run, *std::move(trace)};
    if (!odd) {
      odd = std::move(future);
      continue;
    }
    const auto difference = difference_of(odd->trace, future.trace);
    if (!difference) return tl::unexpected(difference.error());
    const auto changed = differs(*difference, layers);
    ++out.pairs;
    for (std::size_t row = 0; row <= layers; ++row) out.differing[row] += changed[row] ? 1 : 0;
    if (out.witness.is_null()) out.witness = witness_of(prefix, *odd, future, *difference, layers);
    odd.reset();
  }
  if (many) out.classes = std::move(classes).counts();
  return out;
}

}  // namespace pastonly
