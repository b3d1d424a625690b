#include "comparison/resampled_futures.h"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "comparison/run_comparison.h"
#include "stats/parallel.h"
#include "subjects/cuts.h"

namespace pastonly::comparison {
namespace {

constexpr std::size_t most_deep = 8;
// Ids and resamples that no plan reaches.
constexpr std::uint32_t deep_ids = 0x4000'0000u;

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
    out.set("row", prefix.row);
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

std::vector<Prefix> independent_prefixes(const evidence::Observations& observations, const Layout& layout) {
  std::map<std::tuple<std::uint32_t, std::size_t, std::size_t>, Prefix> groups;  // (base, row, cut)
  for (const Intervention* run : observations.runs(Intervention::Kind::suffix)) {
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
    std::ranges::stable_sort(prefix.futures, {}, &Intervention::resample);
    prefixes.push_back(std::move(prefix));
  }
  return prefixes;
}

DeepPrefixes deep_prefixes(const evidence::Observations& observations, const Layout& layout,
                           std::size_t futures) {
  DeepPrefixes out;
  const Capabilities can = observations.subject().capabilities();
  if (!can.live || layout.positions < 2 || futures == 0) return out;
  const std::uint64_t cost = futures * layout.tokens();
  const std::size_t count = std::min<std::uint64_t>({can.budget / cost, layout.sequences, most_deep});
  const std::vector<std::size_t> cuts = subjects::choose_cuts(layout, most_deep);
  for (std::size_t p = 0; p < count; ++p) {
    Intervention run;
    run.kind = Intervention::Kind::suffix;
    run.base = observations.runs().front().id;
    run.cut = cuts[(cuts.size() / 2 + p) % cuts.size()];
    run.rows = {p * layout.sequences / count};
    std::vector<Intervention>& runs = out.runs.emplace_back();
    for (std::size_t f = 0; f < futures; ++f) {
      run.id = deep_ids + static_cast<std::uint32_t>(p * futures + f);
      run.resample = deep_ids + static_cast<std::uint32_t>(f);
      runs.push_back(run);
    }
    Prefix& prefix = out.prefixes.emplace_back(Prefix{*run.base, run.rows.front(), run.cut, {}});
    for (const Intervention& future : runs) prefix.futures.push_back(&future);
  }
  return out;
}

namespace {

/// The first positions of one row alone: what little of a trace many futures need.
Trace prefix_alone(const Trace& trace, std::size_t row, std::size_t positions) {
  TraceData data;
  data.layout = {1, positions, trace.layout.order};
  const std::size_t first = trace.layout.token(row, 0);
  for (const LayerRecord& layer : trace.layers) {
    TraceData::Layer& out = data.layers.emplace_back();
    out.index = layer.index;
    out.mask.reset(positions, layer.experts);
    const auto mask = out.mask.view();
    read_mask(layer, first, positions, {mask.data(), mask.size()});
    out.bias = layer.bias;
    std::vector<float> scratch;
    if (const TokenTensor* scores = layer.ranking()) {
      const auto read = read_floats(*scores, first, positions, scratch);
      (layer.scores ? out.scores : out.logits).assign(read.data(), read.data() + read.size());
    }
    if (!layer.gates) continue;
    out.gates.resize(positions * layer.experts);
    read_gates(layer, first, positions, out.gates);
  }
  Trace out = make_trace(std::move(data));
  out.path = trace.path;
  return out;
}

/// The prefix's trace under every future, or the first failure.
Expected<std::vector<Trace>> observe_futures(evidence::Observations& observations, const Prefix& prefix,
                                             bool many) {
  std::vector<Expected<Trace>> found(prefix.futures.size());
  stats::parallel_for(found.size(), [&](std::size_t i) {
    if (observations.watch().stop()) return;
    found[i] = observations.trace(*prefix.futures[i]);
    if (many && found[i]) found[i] = prefix_alone(*found[i], prefix.row, prefix.cut);
  });
  if (observations.watch().stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
  std::vector<Trace> traces;
  for (auto& trace : found) {
    if (!trace) return tl::unexpected(trace.error());
    traces.push_back(*std::move(trace));
  }
  return traces;
}

}  // namespace

Expected<PrefixRouting> route_prefix(evidence::Observations& observations, const Prefix& prefix,
                                     const Tolerances& tolerances, std::size_t layers) {
  const bool many = prefix.futures.size() >= many_futures;
  const std::size_t row = many ? 0 : prefix.row;
  const Region region{row, row, prefix.cut};
  const auto difference_of = [&](const Trace& a, const Trace& b) {
    return compare(a, b, std::span(&region, 1), tolerances);
  };
  auto traces = observe_futures(observations, prefix, many);
  if (!traces) return tl::unexpected(traces.error());
  PrefixRouting out;
  out.differing.assign(layers + 1, 0);
  Classes classes(layers + 1);
  for (std::size_t f = 0; f < traces->size(); ++f) {
    if (many) {
      const auto added = classes.add((*traces)[f], [&](const Trace& a, const Trace& b) {
        return difference_of(a, b).map([&](const Difference& d) { return differs(d, layers); });
      });
      if (!added) return tl::unexpected(added.error());
    }
    if (f % 2 == 0) continue;  // waits for its partner
    const Future odd{prefix.futures[f - 1], (*traces)[f - 1]}, even{prefix.futures[f], (*traces)[f]};
    const auto difference = difference_of(odd.trace, even.trace);
    if (!difference) return tl::unexpected(difference.error());
    const auto changed = differs(*difference, layers);
    ++out.pairs;
    for (std::size_t l = 0; l <= layers; ++l) out.differing[l] += changed[l] ? 1 : 0;
    if (out.witness.is_null()) out.witness = witness_of(prefix, odd, even, *difference, layers);
  }
  if (many) out.classes = std::move(classes).counts();
  return out;
}

}  // namespace pastonly::comparison
