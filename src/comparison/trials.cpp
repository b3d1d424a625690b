#include "comparison/trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>

namespace pastonly::comparison {
namespace {

const Trace& base_of(const ComparedRow& row) { return row.compared->reference->base; }

/// A sequence by its tokens, -1 for padding; by its place where no tokens are recorded.
std::vector<std::int64_t> sequence_key(const ComparedRow& row) {
  const Trace& base = base_of(row);
  const std::size_t at = row.changed_row.row;
  if (base.tokens.empty()) return {row.compared->run->base.value_or(0), static_cast<std::int64_t>(at)};
  std::vector<std::int64_t> key;
  key.reserve(base.layout.positions);
  for (std::size_t position = 0; position < base.layout.positions; ++position) {
    const std::size_t token = base.layout.token(at, position);
    key.push_back(base.is_valid(token) ? base.tokens[token] : -1);
  }
  return key;
}

/// Whether two futures of one sequence agree from the later cut to the end.
bool same_tail(const ComparedRow& a, const ComparedRow& b) {
  const Trace &one = a.compared->trace, &other = b.compared->trace;
  if (one.layout.positions != other.layout.positions) return false;
  for (std::size_t position = std::max(a.changed_row.cut, b.changed_row.cut); position < one.layout.positions;
       ++position) {
    const std::size_t here = one.layout.token(a.changed_row.row, position);
    const std::size_t there = other.layout.token(b.changed_row.row, position);
    const bool valid = one.is_valid(here);
    if (valid != other.is_valid(there)) return false;
    if (valid && one.tokens[here] != other.tokens[there]) return false;
  }
  return true;
}

/// Whether two trials of one sequence show one draw of its future.
bool same_draw(const ComparedRow& a, const ComparedRow& b) {
  const bool same_cut = a.changed_row.cut == b.changed_row.cut;
  const bool same_number = a.compared->run->resample == b.compared->run->resample;
  if (a.compared->trace.tokens.empty() || b.compared->trace.tokens.empty()) return same_cut && same_number;
  const std::size_t tail =
      a.compared->trace.layout.positions - std::max(a.changed_row.cut, b.changed_row.cut);
  return (same_cut || same_number || tail >= nested_tokens) && same_tail(a, b);
}

/// The draws of one sequence.
struct Draws {
  std::vector<std::pair<const ComparedRow*, bool>> seen;  // the first of each, whether any of them moved
};

/// Why a compared row cannot show a leak; "" where it can.
std::string no_trial(const ComparedRow& row, const Trial& trial) {
  const Trace& base = base_of(row);
  if (row.changed_row.only_padding) return "only padding is redrawn";
  if (row.changed_row.cut == 0) return "nothing stands before the cut";
  if (trial.before == 0) return "everything before the cut is padding";
  if (!routes_before(base, row.changed_row.row, row.changed_row.cut))
    return "no layer routes a token before the cut";
  return "";
}

Trial measured(const ComparedRow& row) {
  Trial out{row, 0, 0, 0};
  const Trace &base = base_of(row), &run = row.compared->trace;
  bool any = false;
  for (std::size_t position = 0; position < base.layout.positions; ++position) {
    const std::size_t token = base.layout.token(row.changed_row.row, position);
    const bool compared = base.is_valid(token) && run.is_valid(token);
    if (position < row.changed_row.cut ? !compared : !run.is_valid(token)) continue;
    if (!any) out.first_valid = position;
    any = true;
    out.end_valid = position + 1;
    out.before += position < row.changed_row.cut ? 1 : 0;
  }
  return out;
}

void leave_out(std::uint32_t run, const std::string& reason, std::vector<DetectionLimit::LeftOut>& out) {
  auto same = std::ranges::find(out, reason, &DetectionLimit::LeftOut::reason);
  if (same == out.end()) same = out.insert(out.end(), {{}, reason});
  if (same->runs.empty() || same->runs.back() != run) same->runs.push_back(run);
}

/// Of a model without routed layers: whether it says anything of a token before the cut.
bool speaks_before(const Trace& base, std::size_t row, std::size_t cut) {
  for (std::size_t position = 0; position < cut; ++position) {
    const std::size_t token = base.layout.token(row, position);
    const bool told = !base.log_probs.empty() && std::isfinite(base.log_probs[token]);
    if (base.is_valid(token) && (told || base.probes > 0)) return true;
  }
  return false;
}

}  // namespace

bool routes_before(const Trace& base, std::size_t row, std::size_t cut) {
  if (base.layers.empty()) return speaks_before(base, row, cut);
  std::vector<std::uint8_t> scratch;
  for (const LayerRecord& layer : base.layers) {
    for (std::size_t position = 0; position < cut; ++position) {
      const std::size_t token = base.layout.token(row, position);
      if (!base.is_valid(token)) continue;
      const auto mask = mask_rows(layer, token, 1, scratch);
      if (std::any_of(mask.data(), mask.data() + mask.size(), [](std::uint8_t kept) { return kept != 0; }))
        return true;
    }
  }
  return false;
}

Trials count_trials(std::span<const ComparedRow> rows) {
  Trials out;
  std::map<std::vector<std::int64_t>, Draws> sequences;
  for (const ComparedRow& row : rows) {
    Trial trial = measured(row);
    if (const std::string why = no_trial(row, trial); !why.empty()) {
      leave_out(row.compared->run->id, why, out.left_out);
      continue;
    }
    Draws& draws = sequences[sequence_key(row)];
    const auto same =
        std::ranges::find_if(draws.seen, [&](const auto& other) { return same_draw(*other.first, row); });
    if (same == draws.seen.end()) {
      draws.seen.emplace_back(&row, row.moved);
    } else {
      same->second = same->second || row.moved;
      leave_out(row.compared->run->id, "the same tokens were redrawn in another run", out.left_out);
    }
    out.rows.push_back(trial);
  }
  for (const auto& [key, draws] : sequences) {
    const auto moved = std::ranges::count_if(draws.seen, [](const auto& draw) { return draw.second; });
    out.draws += draws.seen.size();
    out.draws_moved += static_cast<std::uint64_t>(moved);
    ++out.sequences;
    out.sequences_moved += moved > 0 ? 1 : 0;
  }
  return out;
}

}  // namespace pastonly::comparison
