#include "evidence/survey.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "evidence/refuted_rules.h"
#include "stats/parallel.h"

namespace pastonly::evidence {
namespace {

using routing::hypotheses::Profiler;
using routing::hypotheses::RunProfile;

/// The position of a layer in a trace, whose layers stand in ascending order.
std::optional<std::size_t> find_layer(const Trace& trace, LayerIndex index) {
  const auto found = std::ranges::lower_bound(trace.layers, index, {}, &LayerRecord::index);
  if (found == trace.layers.end() || found->index != index) return std::nullopt;
  return static_cast<std::size_t>(found - trace.layers.begin());
}

/// The layer at position `l` of the base, in all runs that hold it.
void survey_layer(const std::vector<RecordedRun>& runs, std::size_t base, std::size_t l, Survey& out) {
  std::vector<routing::LayerRun> found;
  std::vector<std::pair<std::size_t, std::size_t>> places;  // run, position of the layer in its trace
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const Trace& trace = runs[r].trace;
    const auto at = find_layer(trace, runs[base].trace.layers[l].index);
    if (!at) continue;
    found.push_back(
        {runs[r].run.id, trace.layout, trace.order_known, &trace.layers[*at], trace.tokens, trace.valid});
    places.emplace_back(r, *at);
  }
  std::vector<RunProfile> profiles(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [r, at] = places[i];
    const LayerRecord& layer = *found[i].layer;
    integrity::LayerScanner scanner(runs[r].trace, layer);
    std::optional<Profiler> profiler;
    std::optional<routing::LoadCounter> load;
    if (layer.ranking() != nullptr) profiler.emplace(found[i], found.size() == 1);
    if (r == base) load.emplace(runs[r].trace, layer);
    routing::for_each_block(found[i].layout, layer, [&](const routing::LayerBlock& block) {
      scanner.add(block);
      if (profiler) profiler->add(block);
      if (load) load->add(block);
    });
    out.scans[r][at] = scanner.finish();
    if (profiler) profiles[i] = profiler->finish();
    if (load) out.loads[l] = load->finish();
  }
  out.identifications[l] = routing::identify(found, std::move(profiles));
  out.declared[l] = try_declared_rule(runs, base, runs[base].trace.layers[l].index);
  drop_refuted_rules(out.identifications[l], runs[base].trace.layers[l].index, runs);
}

}  // namespace

bool is_judged(Intervention::Kind kind) noexcept {
  return kind != Intervention::Kind::shuffle && kind != Intervention::Kind::reroute &&
         kind != Intervention::Kind::stream;
}

Survey survey(const std::vector<RecordedRun>& runs, std::size_t base, const std::function<bool()>& stop,
              const std::function<void(std::size_t runs)>& told) {
  Survey out;
  const std::size_t layers = runs[base].trace.layers.size();
  out.identifications.resize(layers);
  out.declared.resize(layers);
  out.loads.resize(layers);
  for (const auto& run : runs) out.scans.emplace_back(run.trace.layers.size());
  stats::parallel_for(layers, [&](std::size_t l) {
    if (stop()) return;
    survey_layer(runs, base, l, out);
    told(runs.size());
  });
  // Layers that the base lacks.
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const Trace& trace = runs[r].trace;
    stats::parallel_for(trace.layers.size(), [&](std::size_t l) {
      const bool done = find_layer(runs[base].trace, trace.layers[l].index).has_value();
      if (!done && !stop()) out.scans[r][l] = integrity::scan_layer(trace, trace.layers[l]);
    });
  }
  return out;
}

}  // namespace pastonly::evidence
