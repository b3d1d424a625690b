#include "comparison/token_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>
#include <unordered_map>

namespace pastonly::comparison {
namespace {

using Stretch = Alignment::Stretch;

/// The tokens of one row that stand for something, in order.
using Places = std::vector<std::size_t>;

std::vector<Places> valid_places(const Trace& trace) {
  std::vector<Places> rows(trace.layout.sequences);
  for (std::size_t token = 0; token < trace.layout.tokens(); ++token) {
    if (trace.is_valid(token)) rows[token / trace.layout.positions].push_back(token);
  }
  return rows;
}

/// Pairs become stretches, without what either did not decide.
class Stretches {
 public:
  Stretches(const Trace& first, const Trace& second)
      : first_(first), second_(second), decided_{decided_tokens(first), decided_tokens(second)} {}

  void add(std::size_t one, std::size_t other) {
    if (decided_[0][one] == 0 || decided_[1][other] == 0) return;
    if (!out_.empty()) {
      Stretch& last = out_.back();
      const bool follows = last.first + last.count == one && last.second + last.count == other &&
                           one % first_.layout.positions != 0 && other % second_.layout.positions != 0;
      if (follows) {
        ++last.count;
        return;
      }
    }
    out_.push_back({one, other, 1});
  }
  std::vector<Stretch> take() {
    std::ranges::sort(out_, {}, &Stretch::first);
    return std::move(out_);
  }

 private:
  const Trace& first_;
  const Trace& second_;
  std::vector<std::uint8_t> decided_[2];
  std::vector<Stretch> out_;
};

/// Where runs of a few token ids stand in the rows of a trace.
class TokenIndex {
 public:
  TokenIndex(const Trace& trace, const std::vector<Places>& rows, std::size_t width)
      : trace_(trace), rows_(rows), width_(width) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::size_t i = 0; i + width <= rows[row].size(); ++i) at_[hash(rows[row], i)].push_back({row, i});
    }
  }

  struct Place {
    std::size_t row, index;
  };
  std::span<const Place> find(const Trace& other, const Places& row, std::size_t i) const {
    std::uint64_t key = seed;
    for (std::size_t k = 0; k < width_; ++k) key = mixed(key, other.tokens[row[i + k]]);
    const auto found = at_.find(key);
    return found == at_.end() ? std::span<const Place>() : std::span<const Place>(found->second);
  }
  std::size_t width() const noexcept { return width_; }

 private:
  static constexpr std::uint64_t seed = 0x9E3779B97F4A7C15U;
  static std::uint64_t mixed(std::uint64_t key, std::int64_t token) {
    key = (key ^ static_cast<std::uint64_t>(token)) * 0xBF58476D1CE4E5B9U;
    return key ^ (key >> 29U);
  }
  std::uint64_t hash(const Places& row, std::size_t i) const {
    std::uint64_t key = seed;
    for (std::size_t k = 0; k < width_; ++k) key = mixed(key, trace_.tokens[row[i + k]]);
    return key;
  }

  const Trace& trace_;
  const std::vector<Places>& rows_;
  std::size_t width_;
  std::unordered_map<std::uint64_t, std::vector<Place>> at_;
};

/// A row of the first laid upon a row of the second, so that index i of the one is i + shift of the other.
struct Overlay {
  std::size_t row = 0;  ///< of the second
  std::ptrdiff_t shift = 0;
  std::size_t from = 0, count = 0;  ///< overlap, indices of the first
};

/// Finds every row of the first in the second by its token ids.
class RowFinder {
 public:
  RowFinder(const Trace& first, const Trace& second)
      : first_(first), second_(second), ones_(valid_places(first)), others_(valid_places(second)) {}

  TokenPlaces find() {
    TokenPlaces out;
    out.known = true;
    const TokenIndex index(second_, others_, width());
    taken_.assign(second_.layout.tokens(), 0);
    Stretches stretches(first_, second_);
    for (std::size_t row = 0; row < ones_.size(); ++row) {
      if (ones_[row].empty()) continue;
      const auto overlay = best(index, row);
      if (!overlay) {
        out.only_first.push_back(row);
        continue;
      }
      describe(row, *overlay);
      for (std::size_t i = overlay->from; i < overlay->from + overlay->count; ++i) {
        const std::size_t other = others_[overlay->row][shifted(i, overlay->shift)];
        taken_[other] = 1;
        stretches.add(ones_[row][i], other);
      }
    }
    for (std::size_t row = 0; row < others_.size(); ++row) {
      const bool unused = std::ranges::none_of(others_[row], [&](std::size_t t) { return taken_[t] != 0; });
      if (unused && !others_[row].empty()) out.only_second.push_back(row);
    }
    out.stretches = stretches.take();
    out.found = words();
    return out;
  }

 private:
  static constexpr std::size_t most_candidates = 64;

  static std::size_t shifted(std::size_t i, std::ptrdiff_t shift) {
    return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(i) + shift);
  }

  /// Of the runs of ids that are looked up: long enough to be rare, no longer than the shortest row.
  std::size_t width() const {
    std::size_t width = 8;
    for (const auto* rows : {&ones_, &others_}) {
      for (const Places& row : *rows) width = row.empty() ? width : std::min(width, row.size());
    }
    return width;
  }

  /// The longest overlay; at least half of the shorter row, every id of it equal. The row of the same number
  /// wins among equals.
  std::optional<Overlay> best(const TokenIndex& index, std::size_t row) const {
    if (row < others_.size() && changed_in_place(ones_[row], others_[row])) return std::nullopt;
    std::optional<Overlay> best;
    const Places& one = ones_[row];
    for (const std::size_t i : {std::size_t{0}, one.size() / 2, one.size() - index.width()}) {
      std::size_t tried = 0;
      for (const auto& place : index.find(first_, one, i)) {
        if (++tried > most_candidates) break;
        const auto overlay =
            laid(row, place.row, static_cast<std::ptrdiff_t>(place.index) - static_cast<std::ptrdiff_t>(i));
        if (!overlay) continue;
        const bool longer = !best || overlay->count > best->count;
        const bool nearer = best && overlay->count == best->count && place.row == row && best->row != row;
        if (longer || nearer) best = overlay;
      }
    }
    return best;
  }

  /// A row of the same length, most of whose ids are equal and some are not: other text, in which a part of
  /// it may well be found at another place.
  bool changed_in_place(const Places& one, const Places& other) const {
    if (one.size() != other.size()) return false;
    std::size_t equal = 0;
    for (std::size_t i = 0; i < one.size(); ++i)
      equal += first_.tokens[one[i]] == second_.tokens[other[i]] ? 1 : 0;
    constexpr double most = 0.8;
    return equal < one.size() && static_cast<double>(equal) >= most * static_cast<double>(one.size());
  }

  std::optional<Overlay> laid(std::size_t row, std::size_t other_row, std::ptrdiff_t shift) const {
    const Places& one = ones_[row];
    const Places& other = others_[other_row];
    Overlay out{other_row, shift, shift < 0 ? static_cast<std::size_t>(-shift) : 0, 0};
    const std::ptrdiff_t end =
        std::min(static_cast<std::ptrdiff_t>(one.size()), static_cast<std::ptrdiff_t>(other.size()) - shift);
    if (end <= static_cast<std::ptrdiff_t>(out.from)) return std::nullopt;
    out.count = static_cast<std::size_t>(end) - out.from;
    if (2 * out.count < std::min(one.size(), other.size())) return std::nullopt;
    for (std::size_t i = out.from; i < out.from + out.count; ++i) {
      const std::size_t place = other[shifted(i, shift)];
      if (taken_[place] != 0 || first_.tokens[one[i]] != second_.tokens[place]) return std::nullopt;
    }
    return out;
  }

  void describe(std::size_t row, const Overlay& overlay) {
    const std::size_t ones = ones_[row].size(), others = others_[overlay.row].size();
    const std::size_t before = overlay.from, after = ones - overlay.from - overlay.count;
    moved_ += overlay.row != row ? 1 : 0;
    lacks_start_ += before > 0 ? 1 : 0;
    start_ += before;
    lacks_end_ += after > 0 ? 1 : 0;
    end_ += after;
    more_ += others > overlay.count ? 1 : 0;
    displaced_ +=
        ones_[row][overlay.from] % first_.layout.positions !=
                others_[overlay.row][shifted(overlay.from, overlay.shift)] % second_.layout.positions
            ? 1
            : 0;
  }

  std::vector<std::string> words() const {
    std::vector<std::string> out;
    const auto rows = [](std::size_t count) { return fmt::format("{} row{}", count, count == 1 ? "" : "s"); };
    if (moved_ > 0)
      out.push_back(fmt::format("{} of the first stand in another row of the second", rows(moved_)));
    if (lacks_start_ > 0)
      out.push_back(fmt::format("the second lacks the first {} tokens of {} (a cached prefix, or a shift)",
                                start_, rows(lacks_start_)));
    if (lacks_end_ > 0)
      out.push_back(fmt::format("the second lacks the last {} tokens of {}", end_, rows(lacks_end_)));
    if (more_ > 0) out.push_back(fmt::format("the second has tokens beside {} of the first", rows(more_)));
    if (displaced_ > 0 && moved_ == 0)
      out.push_back(fmt::format("{} begin at another position (padding, or packed rows)", rows(displaced_)));
    return out;
  }

  const Trace& first_;
  const Trace& second_;
  std::vector<Places> ones_, others_;
  std::vector<std::uint8_t> taken_;  // (tokens of the second)
  std::size_t moved_ = 0, lacks_start_ = 0, start_ = 0, lacks_end_ = 0, end_ = 0, more_ = 0, displaced_ = 0;
};

/// Same places, or the second's rows begin `shift` tokens later (> 0) or earlier in the first's.
TokenPlaces by_place(const Trace& first, const Trace& second, std::ptrdiff_t shift) {
  TokenPlaces out;
  Stretches stretches(first, second);
  const std::size_t ones = first.layout.positions, others = second.layout.positions;
  for (std::size_t row = 0; row < first.layout.sequences; ++row) {
    for (std::size_t s = 0; s < others; ++s) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(s) + shift;
      if (at < 0 || at >= static_cast<std::ptrdiff_t>(ones)) continue;
      stretches.add(row * ones + static_cast<std::size_t>(at), row * others + s);
    }
  }
  out.stretches = stretches.take();
  const auto tokens = [](std::size_t count) {
    return fmt::format("{} token{}", count, count == 1 ? "" : "s");
  };
  if (shift > 0)
    out.found.push_back(
        fmt::format("the second's rows begin {} later", tokens(static_cast<std::size_t>(shift))));
  if (shift < 0)
    out.found.push_back(
        fmt::format("the second's rows begin {} earlier", tokens(static_cast<std::size_t>(-shift))));
  if (shift == 0 && others < ones)
    out.found.push_back(fmt::format("the second lacks the last {} of every row", tokens(ones - others)));
  if (shift == 0 && others > ones)
    out.found.push_back(fmt::format("the first lacks the last {} of every row", tokens(others - ones)));
  return out;
}

/// The valid tokens of both, one after the other.
TokenPlaces in_turn(const Trace& first, const Trace& second) {
  TokenPlaces out;
  Stretches stretches(first, second);
  std::size_t other = 0;
  for (std::size_t one = 0; one < first.layout.tokens(); ++one) {
    if (!first.is_valid(one)) continue;
    while (!second.is_valid(other)) ++other;
    stretches.add(one, other++);
  }
  out.stretches = stretches.take();
  out.found.push_back("rows are divided otherwise; the real tokens of both are taken in order");
  return out;
}

std::size_t count_valid(const Trace& trace) {
  std::size_t count = 0;
  for (std::size_t token = 0; token < trace.layout.tokens(); ++token) count += trace.is_valid(token) ? 1 : 0;
  return count;
}

bool never_routed(const LayerRecord& layer, std::size_t token, std::vector<std::int64_t>& scratch) {
  if (!layer.chosen) return false;
  const auto ids = read_integers(*layer.chosen, token, 1, scratch).row(0);
  return is_placeholder(ids) || std::ranges::all_of(ids, [](std::int64_t id) { return id < 0; });
}

}  // namespace

std::vector<std::uint8_t> decided_tokens(const Trace& trace) {
  std::vector<std::uint8_t> out(trace.layout.tokens(), 1);
  const bool may_drop = trace.layers.size() == 1 && trace.stage == Stage::dispatched;
  std::vector<std::int64_t> scratch;
  for (std::size_t token = 0; token < out.size(); ++token) {
    const bool marked = !trace.layers.empty() && !may_drop &&
                        std::ranges::all_of(trace.layers, [&](const LayerRecord& layer) {
                          return never_routed(layer, token, scratch);
                        });
    out[token] = trace.is_valid(token) && !marked ? 1 : 0;
  }
  return out;
}

std::vector<TokenPlaces> token_places(const Trace& first, const Trace& second) {
  const bool same_shape =
      first.layout.sequences == second.layout.sequences && first.layout.positions == second.layout.positions;
  if (!first.tokens.empty() && !second.tokens.empty()) {
    // Padding may hold any id.
    bool same = same_shape;
    for (std::size_t token = 0; same && token < first.tokens.size(); ++token)
      same = !first.is_valid(token) || !second.is_valid(token) || first.tokens[token] == second.tokens[token];
    if (!same) {
      TokenPlaces found = RowFinder(first, second).find();
      if (found.stretches.empty()) return {};
      return {std::move(found)};
    }
    TokenPlaces plain = by_place(first, second, 0);
    plain.known = true;
    if (plain.stretches.empty()) return {};
    return {std::move(plain)};
  }
  std::vector<TokenPlaces> out;
  if (first.layout.sequences == second.layout.sequences) {
    const auto more = static_cast<std::ptrdiff_t>(first.layout.positions) -
                      static_cast<std::ptrdiff_t>(second.layout.positions);
    out.push_back(by_place(first, second, 0));
    if (more != 0) out.push_back(by_place(first, second, more));
    if (more == 0) {
      for (const std::ptrdiff_t shift : {1, -1}) out.push_back(by_place(first, second, shift));
    }
  }
  if (!same_shape && count_valid(first) == count_valid(second)) out.push_back(in_turn(first, second));
  std::erase_if(out, [](const TokenPlaces& places) { return places.stretches.empty(); });
  return out;
}

}  // namespace pastonly::comparison
