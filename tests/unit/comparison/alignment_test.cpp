#include "comparison/alignment.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "catch.h"
#include "comparison/gate_agreement.h"
#include "comparison/record_hazards.h"
#include "comparison/route_causes.h"
#include "stats/random.h"

namespace pastonly {
namespace {

using comparison::Alignment;

constexpr std::size_t rows = 5, text_length = 24, experts = 12, k = 2, layer_count = 3, vocab = 50;

/// A token's scores follow from its id and the two before it.
std::vector<float> scores_at(std::size_t layer, const std::vector<std::int64_t>& row, std::size_t at) {
  std::uint64_t key = layer;
  for (std::size_t back = 0; back < 3; ++back)
    key = key * 1009 + static_cast<std::uint64_t>(at >= back ? row[at - back] + 1 : 0);
  stats::CounterRng draw(key, 5);
  std::vector<float> out(experts);
  for (float& score : out) score = static_cast<float>(draw.uniform());
  return out;
}

using Rows = std::vector<std::vector<std::int64_t>>;

Rows text(std::uint64_t seed = 1) {
  stats::CounterRng draw(seed, 9);
  Rows out(rows, std::vector<std::int64_t>(text_length));
  for (auto& row : out) {
    for (auto& token : row) token = static_cast<std::int64_t>(draw.below(vocab));
  }
  return out;
}

std::vector<std::size_t> best(const std::vector<float>& heights, std::size_t count) {
  std::vector<std::size_t> order(heights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return heights[a] > heights[b]; });
  order.resize(count);
  return order;
}

/// One row of what a recording holds: which text, which positions of it, and padding before and behind.
struct Piece {
  std::size_t row = 0, from = 0, to = text_length, before = 0, behind = 0;
};
/// Layers are numbered from `first_layer`; `pick` chooses the experts of (layer, heights).
TraceData recorded(
    const Rows& texts, const std::vector<std::vector<Piece>>& shape, std::size_t first_layer = 0,
    const std::function<std::vector<std::size_t>(std::size_t, const std::vector<float>&)>& pick = {}) {
  TraceData data;
  struct Cell {
    std::size_t row, at;
    bool real;
  };
  std::vector<Cell> cells;
  std::size_t positions = 0;
  for (const auto& pieces : shape) {
    const std::size_t begin = cells.size();
    for (const Piece& piece : pieces) {
      for (std::size_t i = 0; i < piece.before; ++i) cells.push_back({0, 0, false});
      for (std::size_t at = piece.from; at < piece.to; ++at) cells.push_back({piece.row, at, true});
      for (std::size_t i = 0; i < piece.behind; ++i) cells.push_back({0, 0, false});
    }
    positions = cells.size() - begin;
  }
  data.layout = {shape.size(), positions, TokenOrder::batch_major};
  for (const Cell& cell : cells) {
    data.tokens.push_back(cell.real ? texts[cell.row][cell.at] : 0);
    data.valid.push_back(cell.real ? 1 : 0);
  }
  for (std::size_t l = 0; l < layer_count; ++l) {
    TraceData::Layer layer;
    layer.index = LayerIndex{static_cast<std::uint32_t>(first_layer + l)};
    layer.mask.reset(cells.size(), experts);
    for (std::size_t t = 0; t < cells.size(); ++t) {
      const auto scores = scores_at(l, texts[cells[t].row], cells[t].at);
      layer.scores.insert(layer.scores.end(), scores.begin(), scores.end());
      if (!cells[t].real) continue;
      for (const std::size_t e : pick ? pick(l, scores) : best(scores, k)) layer.mask(t, e) = 1;
    }
    data.layers.push_back(std::move(layer));
  }
  return data;
}

std::vector<std::vector<Piece>> whole() {
  std::vector<std::vector<Piece>> out;
  for (std::size_t row = 0; row < rows; ++row) out.push_back({{row}});
  return out;
}

/// Every aligned pair of tokens is the same place of the same text, and routed alike.
void check_pairs(const Trace& first, const Trace& second, const Alignment& alignment, std::size_t tokens) {
  CHECK(alignment.tokens == tokens);
  std::size_t same = 0, count = 0;
  for (const auto& stretch : alignment.stretches) {
    for (std::size_t s = 0; s < stretch.count; ++s) {
      CHECK(first.is_valid(stretch.first + s));
      CHECK(second.is_valid(stretch.second + s));
      for (const auto& [one, other] : alignment.layers) {
        std::vector<std::uint8_t> masks[2] = {std::vector<std::uint8_t>(experts),
                                              std::vector<std::uint8_t>(experts)};
        read_mask(*one, stretch.first + s, 1, masks[0]);
        read_mask(*other, stretch.second + s, 1, masks[1]);
        same += masks[0] == masks[1] ? 1 : 0;
        ++count;
      }
    }
  }
  CHECK(same == count);
}

bool says(const std::vector<std::string>& found, std::string_view part) {
  return std::ranges::any_of(found,
                             [&](const std::string& one) { return one.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("tokens are found wherever the other recording has them", "[alignment]") {
  const Rows texts = text();
  const Trace first = make_trace(recorded(texts, whole()));
  const auto aligned = [&](const Trace& second, std::size_t tokens, std::string_view word) {
    const auto alignment = comparison::align(first, second);
    REQUIRE(alignment);
    CHECK(alignment->known == (!first.tokens.empty() && !second.tokens.empty()));
    check_pairs(first, second, *alignment, tokens);
    if (word.empty())
      CHECK(alignment->found.empty());
    else
      CHECK(says(alignment->found, word));
  };
  SECTION("in place") { aligned(first, rows * text_length, ""); }
  SECTION("padding before") {
    std::vector<std::vector<Piece>> shape;
    for (std::size_t row = 0; row < rows; ++row) shape.push_back({{row, 0, text_length, 7, 0}});
    aligned(make_trace(recorded(texts, shape)), rows * text_length, "begin at another position");
  }
  SECTION("padding before and behind, of other lengths") {
    std::vector<std::vector<Piece>> shape;
    for (std::size_t row = 0; row < rows; ++row) shape.push_back({{row, 0, text_length, row, rows - row}});
    aligned(make_trace(recorded(texts, shape)), rows * text_length, "begin at another position");
  }
  SECTION("the last token is left out") {
    std::vector<std::vector<Piece>> shape;
    for (std::size_t row = 0; row < rows; ++row) shape.push_back({{row, 0, text_length - 1}});
    aligned(make_trace(recorded(texts, shape)), rows * (text_length - 1),
            "lacks 5 tokens at the ends of 5 rows");
  }
  SECTION("a cached prefix is left out") {
    std::vector<std::vector<Piece>> shape;
    for (std::size_t row = 0; row < rows; ++row) shape.push_back({{row, 8, text_length}});
    aligned(make_trace(recorded(texts, shape)), rows * (text_length - 8),
            "lacks 40 tokens at the beginnings of 5 rows");
  }
  SECTION("another order") {
    auto shape = whole();
    std::ranges::reverse(shape);
    aligned(make_trace(recorded(texts, shape)), rows * text_length, "stand in another row");
  }
  SECTION("packed into one row") {
    std::vector<std::vector<Piece>> shape(1);
    for (std::size_t row = 0; row < rows; ++row) shape[0].push_back({row});
    aligned(make_trace(recorded(texts, shape)), rows * text_length, "stand in another row");
  }
  SECTION("layers that count the dense ones") {
    const Trace second = make_trace(recorded(texts, whole(), 2));
    const auto alignment = comparison::align(first, second);
    REQUIRE(alignment);
    CHECK(alignment->layer_shift == 2);
    check_pairs(first, second, *alignment, rows * text_length);
  }
  SECTION("without token ids, by shape and routes") {
    for (const auto& [from, to, word] : {std::tuple{std::size_t{0}, text_length - 1, "lacks the last"},
                                         std::tuple{std::size_t{1}, text_length, "begin 1 token later"}}) {
      std::vector<std::vector<Piece>> shape;
      for (std::size_t row = 0; row < rows; ++row) shape.push_back({{row, from, to}});
      TraceData data = recorded(texts, shape);
      data.tokens.clear();
      aligned(make_trace(std::move(data)), rows * (text_length - 1), word);
    }
  }
}

TEST_CASE("a row that appears twice has two counterparts", "[alignment]") {
  Rows texts = text();
  texts[3] = texts[1];
  const Trace first = make_trace(recorded(texts, whole()));
  auto shape = whole();
  std::ranges::reverse(shape);
  const Trace second = make_trace(recorded(texts, shape));
  const auto alignment = comparison::align(first, second);
  REQUIRE(alignment);
  CHECK(alignment->only_first.empty());
  CHECK(alignment->only_second.empty());
  check_pairs(first, second, *alignment, rows * text_length);
}

TEST_CASE("rows that one lacks are named, and other texts are refused", "[alignment]") {
  const Rows texts = text();
  const Trace first = make_trace(recorded(texts, whole()));
  auto shape = whole();
  shape.erase(shape.begin() + 2);
  const auto fewer = comparison::align(first, make_trace(recorded(texts, shape)));
  REQUIRE(fewer);
  CHECK(fewer->only_first == std::vector<std::size_t>{2});
  CHECK(fewer->only_second.empty());
  const auto none = comparison::align(first, make_trace(recorded(text(2), whole())));
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == Error::Kind::input);
  Rows mixed = texts;
  mixed[4] = text(2)[4];
  const auto other = comparison::align(first, make_trace(recorded(mixed, whole())));
  REQUIRE_FALSE(other);
  CHECK(other.error().message.find("row 4 of") != std::string::npos);
}

TEST_CASE("what a record does wrong is named", "[alignment]") {
  const Rows texts = text();
  const TraceData sound = recorded(texts, whole());
  const auto hazards = [&](const std::function<void(TraceData&)>& spoil) {
    TraceData data = sound;
    spoil(data);
    const Trace first = make_trace(sound), second = make_trace(std::move(data));
    const auto alignment = comparison::align(first, second);
    REQUIRE(alignment);
    std::vector<std::string> out;
    for (const auto& hazard : comparison::record_hazards(first, second, *alignment, false))
      out.push_back(hazard.id);
    for (const auto& hazard : comparison::record_hazards(first, second, *alignment, true))
      out.push_back("first:" + hazard.id);
    return out;
  };
  const auto set = [](TraceData::Layer& layer, std::size_t token, std::size_t expert) {
    for (std::size_t e = 0; e < experts; ++e) layer.mask(token, e) = e == expert ? 1 : 0;
  };
  CHECK(hazards([](TraceData&) {}).empty());
  CHECK(hazards([&](TraceData& data) {
          for (auto& layer : data.layers) {
            for (std::size_t t = 3; t < 9; ++t) set(layer, t, 0);
          }
        }) == std::vector<std::string>{"zero-rows"});
  CHECK(hazards([&](TraceData& data) {
          for (std::size_t t = 0; t < data.layout.tokens(); ++t) set(data.layers[1], t, 0);
        }) == std::vector<std::string>{"zero-layer"});
  CHECK(hazards([&](TraceData& data) {
          for (auto& layer : data.layers) {
            for (std::size_t t = 30; t < 37; ++t) {
              for (std::size_t e = 0; e < experts; ++e) layer.mask(t, e) = layer.mask(29, e);
            }
          }
        }) == std::vector<std::string>{"stale-rows"});
  // A collapsed router takes the same experts for most tokens: that some follow one another is no slip.
  CHECK(hazards([&](TraceData& data) {
          for (auto& layer : data.layers) {
            for (std::size_t t = 0; t < data.layout.tokens(); ++t) {
              for (std::size_t e = 0; e < experts && t * 7 % 10 < 7; ++e)
                layer.mask(t, e) = e == 3 || e == 5 ? 1 : 0;
            }
          }
        }).empty());
  CHECK(hazards([&](TraceData& data) {
          for (auto& layer : data.layers) {
            const Mask was = layer.mask;
            for (std::size_t t = 0; t + 1 < data.layout.tokens(); ++t) {
              for (std::size_t e = 0; e < experts; ++e) layer.mask(t, e) = was(t + 1, e);
            }
          }
        }) == std::vector<std::string>{"shifted-rows"});
}

TEST_CASE("the change that explains other routes is named", "[alignment]") {
  const Rows texts = text();
  const auto cause =
      [&](const std::function<std::vector<std::size_t>(std::size_t, const std::vector<float>&)>& pick,
          std::vector<float> bias = {}) {
        const auto biased = [&](std::size_t, const std::vector<float>& scores) {
          std::vector<float> heights(scores);
          for (std::size_t e = 0; e < bias.size(); ++e) heights[e] += bias[e];
          return best(heights, k);
        };
        TraceData one = recorded(texts, whole(), 0, biased);
        for (auto& layer : one.layers) layer.bias = bias;
        const Trace first = make_trace(std::move(one)),
                    second = make_trace(recorded(texts, whole(), 0, pick));
        const auto alignment = comparison::align(first, second);
        REQUIRE(alignment);
        return comparison::route_cause(first, second, *alignment, 0, true);
      };
  std::vector<float> bias(experts);
  for (std::size_t e = 0; e < experts; ++e) bias[e] = 0.05F * static_cast<float>(e % 5);
  CHECK_FALSE(cause([](std::size_t, const auto& scores) { return best(scores, k); }));
  const auto more = cause([](std::size_t, const auto& scores) { return best(scores, 3); });
  REQUIRE(more);
  CHECK((more->id == "other-k" && more->explained == 1.0));
  const auto unbiased = cause([](std::size_t, const auto& scores) { return best(scores, k); }, bias);
  REQUIRE(unbiased);
  CHECK((unbiased->id == "bias-missing" && unbiased->explained == 1.0));
  const auto turned = cause([](std::size_t, const auto& scores) {
    auto chosen = best(scores, k);
    for (std::size_t& e : chosen) e = (e + 5) % experts;
    return chosen;
  });
  REQUIRE(turned);
  CHECK((turned->id == "permuted-experts" && turned->explained == 1.0));
  stats::CounterRng luck(3, 3);
  CHECK_FALSE(cause([&](std::size_t, const auto&) {
    return std::vector<std::size_t>{luck.below(6), 6 + luck.below(6)};
  }));
}

TEST_CASE("what the second's gates are of the first's", "[alignment]") {
  const Rows texts = text();
  const auto formula = [&](const std::function<float(float score, float sum)>& gate) {
    const auto with = [&](const std::function<float(float, float)>& make) {
      TraceData data = recorded(texts, whole());
      for (auto& layer : data.layers) {
        layer.gates.assign(layer.scores.size(), 0.0F);
        for (std::size_t t = 0; t < data.layout.tokens(); ++t) {
          float sum = 0.0F;
          for (std::size_t e = 0; e < experts; ++e)
            sum += layer.mask(t, e) != 0 ? layer.scores[t * experts + e] : 0.0F;
          for (std::size_t e = 0; e < experts; ++e) {
            if (layer.mask(t, e) != 0)
              layer.gates[t * experts + e] = make(layer.scores[t * experts + e], sum);
          }
        }
      }
      return make_trace(std::move(data));
    };
    const Trace first = with([](float score, float) { return score; }), second = with(gate);
    const auto alignment = comparison::align(first, second);
    REQUIRE(alignment);
    return comparison::gate_agreement(first, second, *alignment, 1, 0.05, 1);
  };
  const auto same = formula([](float score, float) { return score; });
  REQUIRE(same);
  CHECK((same->differing.value == 0.0 && same->formula.empty() && same->tokens == rows * text_length));
  CHECK(formula([](float score, float) { return 2.5F * score; })->formula == "2.5 times the first's");
  CHECK(formula([](float score, float sum) { return score / sum; })->formula ==
        "the first's divided by their sum, exactly");
  CHECK(formula([](float score, float sum) { return 2.0F * score / sum; })->formula ==
        "the first's divided by their sum, times 2");
  const auto odd = formula([](float score, float) { return score * score; });
  CHECK((odd->formula.empty() && odd->differing.value > 0.9));
}

}  // namespace pastonly
