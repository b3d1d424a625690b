#include "subjects/cuts.h"

#include <vector>

#include "catch.h"

using namespace pastonly;

namespace {

/// By definition: width w sees a cut if some chunk holds a token of the row before it and one after it.
bool seen(std::uint64_t width, const subjects::CutPoint& at, const Layout& layout, bool per_row) {
  for (std::size_t before = 0; before < at.cut; ++before) {
    for (std::size_t after = at.cut; after < layout.positions; ++after) {
      const std::size_t a = per_row ? before : layout.router_index(at.row, before);
      const std::size_t b = per_row ? after : layout.router_index(at.row, after);
      if (a / width == b / width) return true;
    }
  }
  return false;
}

std::vector<std::uint64_t> brute_force(const std::vector<subjects::CutPoint>& cuts, const Layout& layout) {
  std::vector<std::uint64_t> out;
  for (std::uint64_t width = 2; width <= layout.tokens(); ++width) {
    bool flat = false, row = false, ever = false;
    for (const subjects::CutPoint& at : cuts) {
      flat = flat || seen(width, at, layout, false);
      row = row || (width <= layout.positions && seen(width, at, layout, true));
    }
    // A width that never holds two positions of a row has nothing to see.
    for (std::size_t r = 0; r < layout.sequences; ++r) {
      for (std::size_t c = 1; c < layout.positions; ++c) ever = ever || seen(width, {r, c}, layout, false);
    }
    if ((ever && !flat) || (width <= layout.positions && !row)) out.push_back(width);
  }
  return out;
}

}  // namespace

TEST_CASE("cuts on chunk borders are blind", "[cuts]") {
  const Layout layout{8, 128};
  const std::vector<subjects::CutPoint> aligned{{0, 16}, {1, 32}, {2, 64}, {3, 96}};
  CHECK(subjects::unseen_chunks(aligned, layout, true) == std::vector<std::uint64_t>{2, 4, 8, 16});
  const std::vector<subjects::CutPoint> odd{{0, 19}, {1, 37}, {2, 71}, {3, 101}};
  CHECK(subjects::unseen_chunks(odd, layout, true).empty());
  CHECK(subjects::unseen_chunks({}, layout, true).empty());
  CHECK(subjects::unseen_chunks(std::vector<subjects::CutPoint>{{0, 0}}, layout, true).empty());
}

TEST_CASE("unseen widths agree with the definition", "[cuts]") {
  for (const TokenOrder order : {TokenOrder::batch_major, TokenOrder::sequence_major}) {
    for (const std::size_t positions : {12, 15, 16}) {
      const Layout layout{3, positions, order};
      for (std::size_t a = 1; a < positions; ++a) {
        for (std::size_t b = a; b < positions; b += 2) {
          const std::vector<subjects::CutPoint> cuts{{a % 3, a}, {b % 2, b}};
          CAPTURE(positions, a, b, static_cast<int>(order));
          CHECK(subjects::unseen_chunks(cuts, layout, true) == brute_force(cuts, layout));
        }
      }
    }
  }
}

TEST_CASE("chosen cuts leave no width unseen", "[cuts]") {
  for (const TokenOrder order : {TokenOrder::batch_major, TokenOrder::sequence_major}) {
    for (const std::size_t sequences : {1, 4, 5, 8}) {
      for (const std::size_t positions : {16, 48, 127, 128, 512}) {
        const Layout layout{sequences, positions, order};
        const auto cuts = subjects::choose_cuts(layout, 4);
        CAPTURE(sequences, positions, static_cast<int>(order), cuts);
        REQUIRE(cuts.size() == 4);
        std::vector<subjects::CutPoint> in_turn;
        for (std::size_t i = 0; i < cuts.size(); ++i) in_turn.push_back({i % sequences, cuts[i]});
        CHECK(subjects::unseen_chunks(in_turn, layout, true).empty());
        for (std::size_t row = 0; order == TokenOrder::batch_major && row < sequences; ++row) {
          std::vector<subjects::CutPoint> points;
          for (std::size_t cut : cuts) points.push_back({row, cut});
          CHECK(subjects::unseen_chunks(points, layout, true).empty());
        }
      }
    }
  }
  CHECK(subjects::choose_cuts({1, 1}, 4).empty());
  CHECK(subjects::choose_cuts({2, 8}, 1) == std::vector<std::size_t>{1});
}
