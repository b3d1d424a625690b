#include "integrity/layer_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/elementary.h"

namespace pastonly::integrity {

LayerScanner::LayerScanner(const Trace& trace, const LayerRecord& layer)
    : trace_(trace), layer_(layer), bare_(layer), ids_alone_(layer) {
  bare_.gates.reset();
  ids_alone_.gates.reset();
  ids_alone_.mask.reset();
  gates_by_choice_ =
      layer.gates && layer.chosen && !layer.mask && layer.gates->columns == layer.chosen->columns;
  const auto coarse = [](const TokenTensor& tensor) { return size_of(tensor.type) < 4; };
  if (layer.scores) scores_.emplace(false, coarse(*layer.scores), layer.experts);
  if (layer.logits) logits_.emplace(true, coarse(*layer.logits), layer.experts);
}

void LayerScanner::scan_scores(const routing::LayerBlock& block) {
  const auto valid = trace_.valid.empty() ? std::span<const std::uint8_t>{}
                                          : std::span(trace_.valid).subspan(block.first, block.tokens());
  auto& ranked = scores_ ? scores_ : logits_;
  if (ranked) ranked->add(block.ranking, block.first, valid, scan_.issue_counts);
  if (!scores_ || !logits_) return;
  logits_->add(read_floats(*layer_.logits, block.first, block.tokens(), floats_), block.first, valid,
               scan_.issue_counts);
}

bool LayerScanner::is_placeholder_at(std::size_t token) {
  return is_placeholder(read_integers(*layer_.chosen, token, 1, integers_).row(0));
}

void LayerScanner::scan_mask(const routing::LayerBlock& block) {
  recorded_ = block.mask;
  if (layer_.gates) {
    recorded_ = mask_rows(bare_, block.first, block.tokens(), from_mask_);
    std::uint64_t filler = 0;
    for (std::size_t i = 0; i < recorded_.size(); ++i) filler += recorded_.data()[i] > block.mask.data()[i];
    scan_.filler_pairs += filler;
  }
  for (std::size_t i = 0; i < block.tokens(); ++i) {
    const std::size_t token = block.first + i, position = block.position + i;
    if (!trace_.is_valid(token)) continue;
    ++scan_.tokens;
    if (block.counts[i] != 0 || (layer_.chosen && is_placeholder_at(token))) continue;
    const bool last = position + 1 == trace_.layout.positions;
    if (position + 2 == trace_.layout.positions) ++unrouted_before_last_;
    IssueCount& sighting = last ? unrouted_last_ : unrouted_elsewhere_;
    if (sighting.count++ == 0) sighting.token = token;
  }
}

void LayerScanner::scan_mask_values(const routing::LayerBlock& block) {
  if (!layer_.mask) return;
  // What could be used as it stands in the file is zeros and ones.
  const auto* in_file =
      reinterpret_cast<const std::uint8_t*>(layer_.mask->data) + block.first * layer_.experts;
  if (recorded_.data() == in_file) return;
  const auto values = read_floats(*layer_.mask, block.first, block.tokens(), floats_);
  for (std::size_t i = 0; i < block.tokens(); ++i) {
    std::uint64_t odd = 0;
    for (const float value : values.row(i)) odd += value != 0.0f && value != 1.0f;
    if (odd == 0 || !trace_.is_valid(block.first + i)) continue;
    for (std::size_t expert = 0; expert < values.columns(); ++expert) {
      const float value = values(i, expert);
      if (value != 0.0f && value != 1.0f) {
        scan_.issue_counts.add(IssueKind::mask_not_binary, block.first + i, expert,
                               static_cast<double>(value));
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
    if (!trace_.is_valid(first + token)) continue;
    if (is_placeholder(ids.row(token))) {
      scan_.issue_counts.add(IssueKind::placeholder, first + token, 0, 0.0);
      continue;
    }
    bool repeated = false;
    std::int64_t twice = 0;
    for (std::size_t choice = 0; choice < ids.columns(); ++choice) {
      const std::int64_t id = ids(token, choice);
      if (id < 0) continue;
      if (static_cast<std::uint64_t>(id) >= layer_.experts) {
        const IssueKind kind =
            has_marker && id == 255 ? IssueKind::marker_255 : IssueKind::expert_out_of_range;
        scan_.issue_counts.add(kind, first + token, choice, static_cast<double>(id));
      } else if (seen[static_cast<std::size_t>(id)]++ != 0) {
        repeated = true;
        twice = id;
      }
    }
    for (const std::int64_t id : ids.row(token)) {
      if (id >= 0 && static_cast<std::uint64_t>(id) < layer_.experts) seen[static_cast<std::size_t>(id)] = 0;
    }
    if (repeated)
      scan_.issue_counts.add(IssueKind::repeated_expert, first + token, 0, static_cast<double>(twice));
  }
}

void LayerScanner::scan_gates(std::size_t first, std::size_t count) {
  if (!layer_.gates) return;
  const auto gates = read_floats(*layer_.gates, first, count, floats_);
  const std::size_t columns = gates.columns();
  MatrixView<const std::int64_t> ids;
  if (gates_by_choice_) ids = read_integers(*layer_.chosen, first, count, integers_);
  const auto unused = [&](std::size_t token, std::size_t column) {
    if (!gates_by_choice_) return recorded_(token, column) == 0;
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
      const std::uint8_t* mask = recorded_.row(token).data();
      for (std::size_t i = 0; i < columns; ++i) {
        odd |= static_cast<std::uint32_t>(mask[i] == 0) & static_cast<std::uint32_t>(row[i] != 0.0f);
      }
    }
    if ((odd == 0 && largest < 0x7f80'0000u) || !trace_.is_valid(first + token)) continue;
    for (std::size_t i = 0; i < columns; ++i) {
      const auto value = static_cast<double>(row[i]);
      if (!std::isfinite(row[i])) {
        scan_.issue_counts.add(IssueKind::gate_not_finite, first + token, i, value);
      } else if (row[i] != 0.0f && unused(token, i)) {
        scan_.issue_counts.add(IssueKind::gate_without_mask, first + token, i, value);
      } else if (row[i] < 0.0f) {
        scan_.issue_counts.add(IssueKind::negative_gate, first + token, i, value);
      }
    }
  }
}

void LayerScanner::compare_mask_with_ids(std::size_t first, std::size_t count) {
  if (!layer_.mask || !layer_.chosen) return;
  const auto from_ids = mask_rows(ids_alone_, first, count, from_ids_);
  for (std::size_t token = 0; token < count; ++token) {
    if (!trace_.is_valid(first + token) || std::ranges::equal(recorded_.row(token), from_ids.row(token)))
      continue;
    scan_.issue_counts.add(IssueKind::mask_against_experts, first + token, 0, 0.0);
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
        kernels::pow(rate, static_cast<double>(sequences)) < 1e-3 && unrouted_before_last_ * 2 < sequences;
  }
  if (row_short)
    scan_.issue_counts.add(IssueKind::last_position_empty, unrouted_last_.token, 0, 0.0, sequences);
  const std::uint64_t rest = unrouted_elsewhere_.count + (row_short ? 0 : unrouted_last_.count);
  if (rest == 0) return;
  const bool elsewhere = unrouted_elsewhere_.count > 0;
  const std::size_t token = row_short || unrouted_last_.count == 0 ? unrouted_elsewhere_.token
                            : !elsewhere                           ? unrouted_last_.token
                                         : std::min(unrouted_last_.token, unrouted_elsewhere_.token);
  scan_.issue_counts.add(IssueKind::unrouted_token, token, 0, 0.0, rest);
}

void LayerScanner::add(const routing::LayerBlock& block) {
  scan_scores(block);
  scan_mask(block);
  scan_mask_values(block);
  scan_ids(block.first, block.tokens());
  scan_gates(block.first, block.tokens());
  compare_mask_with_ids(block.first, block.tokens());
}

Scan LayerScanner::finish() {
  if (scores_) scores_->finish(scan_.issue_counts);
  if (logits_) logits_->finish(scan_.issue_counts);
  settle_unrouted();
  return scan_;
}

Scan scan_layer(const Trace& trace, const LayerRecord& layer) {
  LayerScanner scanner(trace, layer);
  routing::for_each_block(trace.layout, layer, [&](const routing::LayerBlock& block) { scanner.add(block); });
  return scanner.finish();
}

Scan scan_batch(const Trace& trace) {
  Scan scan;
  const std::size_t positions = trace.layout.positions;
  for (std::size_t token = 0; token < trace.layout.tokens(); ++token) {
    if (!trace.is_valid(token)) continue;
    ++scan.tokens;
    if (!trace.tokens.empty()) {
      const std::int64_t id = trace.tokens[token];
      if (id < 0 || (trace.vocab && static_cast<std::uint64_t>(id) >= *trace.vocab)) {
        scan.issue_counts.add(IssueKind::token_out_of_range, token, 0, static_cast<double>(id));
      }
    }
    if (trace.log_probs.empty()) continue;
    const double value = trace.log_probs[token];
    const bool first = token % positions == 0;
    // Rounding of a probability near 1 in 16-bit floats reaches a little above 0.
    if (first && !std::isnan(value)) {
      scan.issue_counts.add(IssueKind::first_log_prob, token, 0, value);
    } else if (!first && std::isnan(value)) {
      // Nobody ran the token before it (padding, or a run that streams a sample): nothing predicted this one.
      if (!trace.is_valid(token - 1)) continue;
      scan.issue_counts.add(IssueKind::log_prob_missing, token, 0, value);
    } else if (value > 1e-2) {
      scan.issue_counts.add(IssueKind::log_prob_positive, token, 0, value);
    } else if (std::isinf(value)) {
      scan.issue_counts.add(IssueKind::log_prob_minus_infinity, token, 0, value);
    }
  }
  return scan;
}

}  // namespace pastonly::integrity
