#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "input/text/parse_json.h"
#include "model/router_measures.h"
#include "pastonly/mask.h"

namespace pastonly::lab {

/// The router rows after so many steps.
struct RouterPoint {
  std::uint64_t step = 0;
  model::RouterMeasures measures;
  friend bool operator==(const RouterPoint&, const RouterPoint&) = default;
};

/// How the probe batch (probe.h) was routed after so many steps.
struct ProbeRoutes {
  std::uint64_t step = 0;
  std::vector<Mask> layers;  // (MoE layers) of (tokens, experts)
  friend bool operator==(const ProbeRoutes&, const ProbeRoutes&) = default;
};

/// What is kept of an arm's training. Steps ascend.
struct TrainingRecord {
  std::vector<double> losses;        // (steps) bits per token, before each step
  std::vector<RouterPoint> routers;  // at curve_steps; empty where routers have no rows
  std::vector<ProbeRoutes> probes;   // at probe_steps; empty where nothing is selected
  friend bool operator==(const TrainingRecord&, const TrainingRecord&) = default;

  /// Forgets what came after `steps` steps.
  void cut(std::size_t steps);
};

/// Steps between two points of a curve of at most `points`.
std::size_t curve_stride(std::size_t steps, std::size_t points = 50);
/// 0 and up to twenty numbers to `steps`, evenly spaced in their logarithm.
std::vector<std::uint64_t> probe_steps(std::size_t steps);

input::Json to_json(const TrainingRecord& record);
/// nullopt where something is missing or mistyped.
std::optional<TrainingRecord> training_record_of(const input::Json& json);

}  // namespace pastonly::lab
