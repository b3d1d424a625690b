#include "comparison/row_finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "comparison/stretches.h"

namespace pastonly::comparison {
namespace {

/// The real tokens of one row, in order.
using Places = std::vector<std::size_t>;

/// `decided`: of these those alone that the record decides; some say of no token whether it is padding.
std::vector<Places> real_places(const Trace& trace, bool decided) {
  std::vector<Places> rows(trace.layout.sequences);
  for (std::size_t token = 0; token < trace.layout.tokens(); ++token) {
    if (decided ? trace.is_valid(token) : trace.is_real(token))
      rows[token / trace.layout.positions].push_back(token);
  }
  return rows;
}

/// Where runs of a few token ids stand in the rows of a trace.
class TokenIndex {
 public:
  struct Place {
    std::size_t row, index;
  };

  TokenIndex(const Trace& trace, const std::vector<Places>& rows, std::size_t width) : width_(width) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::size_t i = 0; i + width <= rows[row].size(); ++i)
        at_[hash(trace, rows[row], i)].push_back({row, i});
    }
  }

  /// Of the ids of another trace's row from index i on.
  std::span<const Place> find(const Trace& other, const Places& row, std::size_t i) const {
    const auto found = at_.find(hash(other, row, i));
    return found == at_.end() ? std::span<const Place>() : std::span<const Place>(found->second);
  }
  std::size_t width() const noexcept { return width_; }

 private:
  std::uint64_t hash(const Trace& trace, const Places& row, std::size_t i) const {
    std::uint64_t key = 0x9E3779B97F4A7C15U;
    for (std::size_t k = 0; k < width_; ++k) {
      key = (key ^ static_cast<std::uint64_t>(trace.tokens[row[i + k]])) * 0xBF58476D1CE4E5B9U;
      key ^= key >> 29U;
    }
    return key;
  }

  std::size_t width_;
  std::unordered_map<std::uint64_t, std::vector<Place>> at_;
};

/// A row of the first laid upon a row of the second, so that index i of the one is i + shift of the other.
struct Overlay {
  std::size_t row = 0, other = 0;
  std::ptrdiff_t shift = 0;
  std::size_t from = 0, count = 0;  ///< overlap, indices of the first
  bool whole = false;               ///< both rows throughout

  std::size_t shifted(std::size_t i) const {
    return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(i) + shift);
  }
};

/// Lays rows of the first upon rows of the second by their token ids, the surest first: rows that are equal
/// throughout, then the longest overlaps. No token is taken twice.
class RowFinder {
 public:
  RowFinder(const Trace& first, const Trace& second, bool decided)
      : first_(first),
        second_(second),
        ones_(real_places(first, decided)),
        others_(real_places(second, decided)) {}

  TokenPlaces find() {
    TokenPlaces out;
    out.known = out.found_nothing = true;
    gather(first_, ones_, second_, others_, false);
    gather(second_, others_, first_, ones_, true);
    for (std::size_t row = 0; row < std::min(ones_.size(), others_.size()); ++row) {
      if (ones_[row].empty() || others_[row].empty()) continue;
      consider(row, row, 0);
      consider(
          row, row,
          static_cast<std::ptrdiff_t>(others_[row].size()) - static_cast<std::ptrdiff_t>(ones_[row].size()));
    }
    std::ranges::stable_sort(overlays_, [](const Overlay& a, const Overlay& b) {
      if (a.whole != b.whole) return a.whole;
      if (a.count != b.count) return a.count > b.count;
      if ((a.row == a.other) != (b.row == b.other)) return a.row == a.other;
      return std::pair(a.row, a.other) < std::pair(b.row, b.other);
    });
    std::vector<std::uint8_t> taken(first_.layout.tokens(), 0), other_taken(second_.layout.tokens(), 0);
    Stretches stretches(first_, second_);
    for (const Overlay& overlay : overlays_) {
      if (!is_free(overlay, taken, other_taken)) continue;
      out.found_nothing = false;
      describe(overlay);
      for (std::size_t i = overlay.from; i < overlay.from + overlay.count; ++i) {
        const std::size_t one = ones_[overlay.row][i], other = others_[overlay.other][overlay.shifted(i)];
        taken[one] = other_taken[other] = 1;
        stretches.add(one, other);
      }
    }
    out.only_first = untaken(ones_, taken);
    out.only_second = untaken(others_, other_taken);
    out.stretches = stretches.take();
    out.found = words();
    return out;
  }

 private:
  static constexpr std::size_t most_candidates = 64;

  /// Of the runs of ids that are looked up: long enough to be rare, no longer than the shortest row.
  std::size_t width() const {
    std::size_t width = 8;
    for (const auto* rows : {&ones_, &others_}) {
      for (const Places& row : *rows) width = row.empty() ? width : std::min(width, row.size());
    }
    return width;
  }

  /// Overlays at which a few stretches of each row of `from` stand in the rows of `in`; of a stretch that
  /// stands in many places the first ones. `swapped`: `from` is the second.
  void gather(const Trace& from, const std::vector<Places>& from_rows, const Trace& in,
              const std::vector<Places>& in_rows, bool swapped) {
    const TokenIndex index(in, in_rows, width());
    for (std::size_t row = 0; row < from_rows.size(); ++row) {
      const Places& places = from_rows[row];
      if (places.empty()) continue;
      const std::size_t last = places.size() - index.width();
      for (const std::size_t i : {std::size_t{0}, last / 4, last / 2, last - last / 4, last}) {
        const auto found = index.find(from, places, i);
        for (const auto& place : found.first(std::min(found.size(), most_candidates))) {
          const std::ptrdiff_t shift =
              static_cast<std::ptrdiff_t>(place.index) - static_cast<std::ptrdiff_t>(i);
          swapped ? consider(place.row, row, -shift) : consider(row, place.row, shift);
        }
      }
    }
  }

  /// At least half of the shorter row, every id of it equal.
  void consider(std::size_t row, std::size_t other_row, std::ptrdiff_t shift) {
    if (!seen_.insert({row, other_row, shift}).second) return;
    const Places& one = ones_[row];
    const Places& other = others_[other_row];
    if (row == other_row && shift != 0 && changed_in_place(one, other)) return;
    Overlay out{row, other_row, shift, shift < 0 ? static_cast<std::size_t>(-shift) : 0, 0, false};
    const std::ptrdiff_t end =
        std::min(static_cast<std::ptrdiff_t>(one.size()), static_cast<std::ptrdiff_t>(other.size()) - shift);
    if (end <= static_cast<std::ptrdiff_t>(out.from)) return;
    out.count = static_cast<std::size_t>(end) - out.from;
    if (2 * out.count < std::min(one.size(), other.size())) return;
    for (std::size_t i = out.from; i < out.from + out.count; ++i) {
      if (first_.tokens[one[i]] != second_.tokens[other[out.shifted(i)]]) return;
    }
    out.whole = out.count == one.size() && out.count == other.size();
    overlays_.push_back(out);
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

  bool is_free(const Overlay& overlay, const std::vector<std::uint8_t>& taken,
               const std::vector<std::uint8_t>& other_taken) const {
    for (std::size_t i = overlay.from; i < overlay.from + overlay.count; ++i) {
      if (taken[ones_[overlay.row][i]] != 0 || other_taken[others_[overlay.other][overlay.shifted(i)]] != 0)
        return false;
    }
    return true;
  }

  /// Rows of which nothing was taken.
  static std::vector<std::size_t> untaken(const std::vector<Places>& rows,
                                          const std::vector<std::uint8_t>& taken) {
    std::vector<std::size_t> out;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const bool unused = std::ranges::none_of(rows[row], [&](std::size_t t) { return taken[t] != 0; });
      if (unused && !rows[row].empty()) out.push_back(row);
    }
    return out;
  }

  void describe(const Overlay& overlay) {
    const std::size_t ones = ones_[overlay.row].size(), others = others_[overlay.other].size();
    const std::size_t before = overlay.from, after = ones - overlay.from - overlay.count;
    const std::size_t at = overlay.shifted(overlay.from);
    // A row that holds several of the other's lacks none of them.
    const bool holds_others = at == 0 && overlay.count == others && overlay.count < ones;
    moved_ += overlay.other != overlay.row ? 1 : 0;
    if (!holds_others || overlay.row == overlay.other) {
      lacks_start_ += before > 0 ? 1 : 0;
      start_ += before;
      lacks_end_ += after > 0 ? 1 : 0;
      end_ += after;
    }
    more_ += others > overlay.count ? 1 : 0;
    displaced_ += ones_[overlay.row][overlay.from] % first_.layout.positions !=
                          others_[overlay.other][at] % second_.layout.positions
                      ? 1
                      : 0;
  }

  std::vector<std::string> words() const {
    std::vector<std::string> out;
    const auto rows = [](std::size_t count) { return fmt::format("{} row{}", count, count == 1 ? "" : "s"); };
    if (moved_ > 0)
      out.push_back(fmt::format("{} of the first stand in another row of the second", rows(moved_)));
    if (lacks_start_ > 0)
      out.push_back(
          fmt::format("the second lacks {} tokens at the beginnings of {} (a cached prefix, or a shift)",
                      start_, rows(lacks_start_)));
    if (lacks_end_ > 0)
      out.push_back(fmt::format("the second lacks {} tokens at the ends of {}", end_, rows(lacks_end_)));
    if (more_ > 0) out.push_back(fmt::format("the second has tokens beside {} of the first", rows(more_)));
    if (displaced_ > 0 && moved_ == 0)
      out.push_back(fmt::format("{} begin at another position (padding, or packed rows)", rows(displaced_)));
    return out;
  }

  const Trace& first_;
  const Trace& second_;
  std::vector<Places> ones_, others_;
  std::vector<Overlay> overlays_;
  std::set<std::tuple<std::size_t, std::size_t, std::ptrdiff_t>> seen_;
  std::size_t moved_ = 0, lacks_start_ = 0, start_ = 0, lacks_end_ = 0, end_ = 0, more_ = 0, displaced_ = 0;
};

}  // namespace

TokenPlaces find_rows(const Trace& first, const Trace& second, bool decided) {
  return RowFinder(first, second, decided).find();
}

}  // namespace pastonly::comparison
