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

TEST_CASE("chunks after a first token are those of rows without it", "[cuts]") {
  for (const TokenOrder order : {TokenOrder::batch_major, TokenOrder::sequence_major}) {
    const Layout layout{3, 17, order}, rest{3, 16, order};
    for (std::size_t a = 2; a < 17; ++a) {
      const std::vector<subjects::CutPoint> cuts{{0, a}, {2, 9}}, shifted{{0, a - 1}, {2, 8}};
      CAPTURE(a, static_cast<int>(order));
      CHECK(subjects::unseen_chunks(cuts, layout, true, 1) == brute_force(shifted, rest));
    }
  }
  const std::vector<subjects::CutPoint> aligned{{0, 17}, {1, 33}, {2, 65}, {3, 97}};
  CHECK(subjects::unseen_chunks(aligned, {8, 128}, true).empty());
  CHECK(subjects::unseen_chunks(aligned, {8, 128}, true, 1) == std::vector<std::uint64_t>{2, 4, 8, 16});
  // A cut at the first token that counts has nothing before it.
  CHECK(subjects::unseen_chunks(std::vector<subjects::CutPoint>{{0, 1}}, {8, 128}, true, 1).empty());
}

TEST_CASE("further cuts leave no width unseen, where some would", "[cuts]") {
  const auto unseen = [](std::vector<subjects::CutPoint> cuts, const std::vector<subjects::CutPoint>& more,
                         const Layout& layout, std::size_t shift) {
    cuts.insert(cuts.end(), more.begin(), more.end());
    return subjects::unseen_chunks(cuts, layout, true, shift);
  };
  for (const TokenOrder order : {TokenOrder::batch_major, TokenOrder::sequence_major}) {
    for (const std::size_t sequences : {4, 8, 16}) {
      const Layout layout{sequences, 128, order};
      for (const auto& cuts : {std::vector<subjects::CutPoint>{{0, 19}, {1, 37}, {2, 71}, {3, 101}},
                               std::vector<subjects::CutPoint>{{0, 16}, {1, 32}, {2, 64}, {3, 96}},
                               std::vector<subjects::CutPoint>{{0, 64}}}) {
        for (const std::size_t most_shift : {0, 1}) {
          CAPTURE(sequences, cuts.front().cut, most_shift, static_cast<int>(order));
          const auto more = subjects::further_cuts(cuts, layout, true, most_shift);
          const bool needed = !unseen(cuts, {}, layout, 0).empty() ||
                              (most_shift == 1 && !unseen(cuts, {}, layout, 1).empty());
          CHECK(more.empty() == !needed);
          for (std::size_t shift = 0; shift <= most_shift; ++shift)
            CHECK(unseen(cuts, more, layout, shift).empty());
        }
      }
    }
  }
  CHECK(subjects::further_cuts({}, {8, 128}, true, 1).empty());
  // The guide's cuts in Megatron's layout: one more is enough.
  const std::vector<subjects::CutPoint> guide{{0, 19}, {1, 37}, {2, 71}, {3, 101}};
  const Layout megatron{8, 128, TokenOrder::sequence_major};
  CHECK(subjects::unseen_chunks(guide, megatron, true) == std::vector<std::uint64_t>{10});
  CHECK(subjects::further_cuts(guide, megatron, true, 0).size() == 1);
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
        CHECK(subjects::unseen_chunks(in_turn, layout, true, 1).empty());
        for (std::size_t row = 0; order == TokenOrder::batch_major && row < sequences; ++row) {
          std::vector<subjects::CutPoint> points;
          for (std::size_t cut : cuts) points.push_back({row, cut});
          CHECK(subjects::unseen_chunks(points, layout, true).empty());
          CHECK(subjects::unseen_chunks(points, layout, true, 1).empty());
        }
      }
    }
  }
  CHECK(subjects::choose_cuts({1, 1}, 4).empty());
  CHECK(subjects::choose_cuts({2, 8}, 1) == std::vector<std::size_t>{1});
}
