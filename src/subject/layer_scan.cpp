#include "subject/layer_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "subject/score_scan.h"

namespace pastonly {

namespace {

/// Scans one layer's decisions and weights; scores go to ScoreScan.
class LayerScanner {
 public:
  LayerScanner(const Trace& trace, const LayerRecord& layer);
  Scan run();

 private:
  bool valid(std::size_t token) const { return trace_.valid.empty() || trace_.valid[token] != 0; }
  std::span<const std::uint8_t> valid(std::size_t first, std::size_t count) const {
    return trace_.valid.empty() ? std::span<const std::uint8_t>{}
                                : std::span(trace_.valid).subspan(first, count);
  }
  void scan_masks(std::size_t first, std::size_t count);
  void scan_mask_values(std::size_t first, std::size_t count);
  void scan_ids(std::size_t first, std::size_t count);
  void scan_gates(std::size_t first, std::size_t count);
  void compare_mask_with_ids(std::size_t first, std::size_t count);
  void settle_unrouted();

  const Trace& trace_;
  const LayerRecord& layer_;
  LayerRecord bare_;       // without gates: read_mask then gives what is recorded
  LayerRecord ids_alone_;  // with neither mask nor gates
  bool gates_by_choice_;
  Scan scan_;
  std::vector<std::uint8_t> recorded_, effective_, from_ids_;  // (block, experts)
  std::vector<float> floats_;
  std::vector<std::int64_t> integers_;
  std::uint64_t unrouted_before_last_ = 0;
  Sighting unrouted_elsewhere_;
  Sighting unrouted_last_;
};

LayerScanner::LayerScanner(const Trace& trace, const LayerRecord& layer)
    : trace_(trace), layer_(layer), bare_(layer), ids_alone_(layer) {
  bare_.gates.reset();
  ids_alone_.gates.reset();
  ids_alone_.mask.reset();
  gates_by_choice_ =
      layer.gates && layer.chosen && !layer.mask && layer.gates->columns == layer.chosen->columns;
}

void LayerScanner::scan_masks(std::size_t first, std::size_t count) {
  const std::size_t experts = layer_.experts;
  read_mask(bare_, first, count, recorded_);
  const std::uint8_t* effective = recorded_.data();
  if (layer_.gates) {
    read_mask(layer_, first, count, effective_);
    effective = effective_.data();
    std::uint64_t filler = 0;
    for (std::size_t i = 0; i < count * experts; ++i) filler += recorded_[i] > effective_[i];
    scan_.filler_pairs += filler;
  }
  for (std::size_t token = 0; token < count; ++token) {
    if (!valid(first + token)) continue;
    ++scan_.tokens;
    unsigned routed = 0;
    const std::uint8_t* row = effective + token * experts;
    for (std::size_t expert = 0; expert < experts; ++expert) routed |= row[expert];
    if (routed != 0) continue;
    const std::size_t position = (first + token) % trace_.layout.positions;
    const bool last = position + 1 == trace_.layout.positions;
    if (position + 2 == trace_.layout.positions) ++unrouted_before_last_;
    Sighting& sighting = last ? unrouted_last_ : unrouted_elsewhere_;
    if (sighting.count++ == 0) sighting.token = first + token;
  }
}

void LayerScanner::scan_mask_values(std::size_t first, std::size_t count) {
  if (!layer_.mask) return;
  const TokenTensor& mask = *layer_.mask;
  const bool bytes = size_of(mask.type) == 1 && mask.position_stride == mask.columns &&
                     mask.sequence_stride == mask.positions * mask.columns;
  if (bytes) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(mask.data) + first * mask.columns;
    std::uint8_t every = 0;
    for (std::size_t i = 0; i < count * mask.columns; ++i) every |= from[i];
    if (every <= 1) return;
  }
  const auto values = read_floats(mask, first, count, floats_);
  for (std::size_t token = 0; token < count; ++token) {
    std::uint64_t odd = 0;
    for (const float value : values.row(token)) odd += value != 0.0f && value != 1.0f;
    if (odd == 0 || !valid(first + token)) continue;
    for (std::size_t expert = 0; expert < values.columns(); ++expert) {
      const float value = values(token, expert);
      if (value != 0.0f && value != 1.0f) {
        scan_.sightings.add(Fault::mask_not_binary, first + token, expert, static_cast<double>(value));
      }
    }
  }
}

void LayerScanner::scan_ids(std::size_t first, std::size_t count) {
  if (!layer_.chosen) return;
  const bool has_marker = layer_.chosen->type == DType::u8 && layer_.experts <= 255;
  const auto ids = read_integers(*layer_.chosen, first, count, integers_);
  std::vector<std::uint8_t> seen(layer_.experts, 0);
  for (std::size_t token = 0; token < count; ++token) {
    if (!valid(first + token)) continue;
    bool repeated = false;
    std::int64_t twice = 0;
    for (std::size_t choice = 0; choice < ids.columns(); ++choice) {
      const std::int64_t id = ids(token, choice);
      if (id < 0) continue;
      if (static_cast<std::uint64_t>(id) >= layer_.experts) {
        const Fault fault = has_marker && id == 255 ? Fault::marker_255 : Fault::expert_out_of_range;
        scan_.sightings.add(fault, first + token, choice, static_cast<double>(id));
      } else if (seen[static_cast<std::size_t>(id)]++ != 0) {
        repeated = true;
        twice = id;
      }
    }
    for (const std::int64_t id : ids.row(token)) {
      if (id >= 0 && static_cast<std::uint64_t>(id) < layer_.experts) seen[static_cast<std::size_t>(id)] = 0;
    }
    if (repeated) scan_.sightings.add(Fault::repeated_expert, first + token, 0, static_cast<double>(twice));
  }
}

void LayerScanner::scan_gates(std::size_t first, std::size_t count) {
  if (!layer_.gates) return;
  const auto gates = read_floats(*layer_.gates, first, count, floats_);
  const std::size_t columns = gates.columns();
  MatrixView<const std::int64_t> ids;
  if (gates_by_choice_) ids = read_integers(*layer_.chosen, first, count, integers_);
  const auto unused = [&](std::size_t token, std::size_t column) {
    if (!gates_by_choice_) return recorded_[token * layer_.experts + column] == 0;
    return ids(token, column) < 0 || static_cast<std::uint64_t>(ids(token, column)) >= layer_.experts;
  };
  for (std::size_t token = 0; token < count; ++token) {
    const float* row = gates.row(token).data();
    // One cheap look at the row; the exact count only where it found something.
    std::uint32_t largest = 0, odd = 0;
    for (std::size_t i = 0; i < columns; ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(row[i]);
      largest = std::max(largest, bits & 0x7fff'ffffu);
      odd |= bits >> 31;
    }
    if (gates_by_choice_) {
      for (std::size_t i = 0; i < columns; ++i)
        odd |= static_cast<std::uint32_t>(unused(token, i) && row[i] != 0.0f);
    } else {
      const std::uint8_t* mask = recorded_.data() + token * columns;
      for (std::size_t i = 0; i < columns; ++i) {
        odd |= static_cast<std::uint32_t>(mask[i] == 0) & static_cast<std::uint32_t>(row[i] != 0.0f);
      }
    }
    if ((odd == 0 && largest < 0x7f80'0000u) || !valid(first + token)) continue;
    for (std::size_t i = 0; i < columns; ++i) {
      const auto value = static_cast<double>(row[i]);
      if (!std::isfinite(row[i])) {
        scan_.sightings.add(Fault::gate_not_finite, first + token, i, value);
      } else if (row[i] != 0.0f && unused(token, i)) {
        scan_.sightings.add(Fault::gate_without_mask, first + token, i, value);
      } else if (row[i] < 0.0f) {
        scan_.sightings.add(Fault::negative_gate, first + token, i, value);
      }
    }
  }
}

void LayerScanner::compare_mask_with_ids(std::size_t first, std::size_t count) {
  if (!layer_.mask || !layer_.chosen) return;
  read_mask(ids_alone_, first, count, from_ids_);
  for (std::size_t token = 0; token < count; ++token) {
    const auto row = static_cast<std::ptrdiff_t>(token * layer_.experts);
    const auto end = row + static_cast<std::ptrdiff_t>(layer_.experts);
    if (!valid(first + token) ||
        std::equal(recorded_.begin() + row, recorded_.begin() + end, from_ids_.begin() + row)) {
      continue;
    }
    scan_.sightings.add(Fault::mask_against_experts, first + token, 0, 0.0);
  }
}

/// A last position that is empty in every sequence, where chance would not have it so and the position
/// before is filled, is a recorder one row short. Capacity drops come towards the end as well, gradually.
void LayerScanner::settle_unrouted() {
  const std::uint64_t sequences = trace_.layout.sequences;
  bool row_short = trace_.layout.positions > 1 && unrouted_last_.count == sequences;
  if (row_short && unrouted_elsewhere_.count > 0) {
    const double rate =
        static_cast<double>(unrouted_elsewhere_.count) / static_cast<double>(scan_.tokens - sequences);
    row_short =
        std::pow(rate, static_cast<double>(sequences)) < 1e-3 && unrouted_before_last_ * 2 < sequences;
  }
  if (row_short) scan_.sightings.add(Fault::last_position_empty, unrouted_last_.token, 0, 0.0, sequences);
  const std::uint64_t rest = unrouted_elsewhere_.count + (row_short ? 0 : unrouted_last_.count);
  if (rest == 0) return;
  const bool elsewhere = unrouted_elsewhere_.count > 0;
  const std::size_t token = row_short || unrouted_last_.count == 0 ? unrouted_elsewhere_.token
                            : !elsewhere                           ? unrouted_last_.token
                                         : std::min(unrouted_last_.token, unrouted_elsewhere_.token);
  scan_.sightings.add(Fault::unrouted_token, token, 0, 0.0, rest);
}

Scan LayerScanner::run() {
  const std::size_t tokens = trace_.layout.tokens(), experts = layer_.experts;
  // Blocks of scores, gates and masks together stay in the second-level cache.
  const std::size_t block = std::clamp<std::size_t>(32'768 / experts, 1, 4096);
  recorded_.resize(block * experts);
  if (layer_.gates) effective_.resize(block * experts);
  if (layer_.mask && layer_.chosen) from_ids_.resize(block * experts);
  const auto coarse = [](const TokenTensor& tensor) { return size_of(tensor.type) < 4; };
  std::optional<ScoreScan> scores, logits;
  if (layer_.scores) scores.emplace(false, coarse(*layer_.scores), experts);
  if (layer_.logits) logits.emplace(true, coarse(*layer_.logits), experts);
  for (std::size_t first = 0; first < tokens; first += block) {
    const std::size_t count = std::min(block, tokens - first);
    if (scores) {
      scores->add(read_floats(*layer_.scores, first, count, floats_), first, valid(first, count),
                  scan_.sightings);
    }
    if (logits) {
      logits->add(read_floats(*layer_.logits, first, count, floats_), first, valid(first, count),
                  scan_.sightings);
    }
    scan_masks(first, count);
    scan_mask_values(first, count);
    scan_ids(first, count);
    scan_gates(first, count);
    compare_mask_with_ids(first, count);
  }
  if (scores) scores->finish(scan_.sightings);
  if (logits) logits->finish(scan_.sightings);
  settle_unrouted();
  return scan_;
}

}  // namespace

Scan scan_layer(const Trace& trace, const LayerRecord& layer) { return LayerScanner(trace, layer).run(); }

Scan scan_batch(const Trace& trace) {
  Scan scan;
  const std::size_t positions = trace.layout.positions;
  for (std::size_t token = 0; token < trace.layout.tokens(); ++token) {
    if (!trace.valid.empty() && trace.valid[token] == 0) continue;
    ++scan.tokens;
    if (!trace.tokens.empty()) {
      const std::int64_t id = trace.tokens[token];
      if (id < 0 || (trace.vocab && static_cast<std::uint64_t>(id) >= *trace.vocab)) {
        scan.sightings.add(Fault::token_out_of_range, token, 0, static_cast<double>(id));
      }
    }
    if (trace.log_probs.empty()) continue;
    const double value = trace.log_probs[token];
    const bool first = token % positions == 0;
    // Rounding of a probability near 1 in 16-bit floats reaches a little above 0.
    if (first && !std::isnan(value)) {
      scan.sightings.add(Fault::first_log_prob, token, 0, value);
    } else if (!first && std::isnan(value)) {
      // Nobody ran the token before it (padding, or a run that streams a sample): nothing predicted this one.
      if (!trace.valid.empty() && trace.valid[token - 1] == 0) continue;
      scan.sightings.add(Fault::log_prob_missing, token, 0, value);
    } else if (value > 1e-2) {
      scan.sightings.add(Fault::log_prob_positive, token, 0, value);
    } else if (std::isinf(value)) {
      scan.sightings.add(Fault::log_prob_minus_infinity, token, 0, value);
    }
  }
  return scan;
}

}  // namespace pastonly
