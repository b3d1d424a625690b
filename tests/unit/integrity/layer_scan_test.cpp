#include "integrity/layer_scan.h"

#include <cmath>
#include <functional>
#include <limits>

#include "catch.h"
#include "stats/random.h"

namespace pastonly {
namespace {

constexpr std::size_t scan_sequences = 4, scan_positions = 50, scan_experts = 8,
                      scan_tokens = scan_sequences * scan_positions;

/// Softmax top-2 of random logits: nothing is wrong with it.
TraceData sound(std::uint64_t seed = 1) {
  stats::CounterRng rng(seed);
  TraceData data;
  data.layout = {scan_sequences, scan_positions, TokenOrder::batch_major};
  data.vocab = 64;
  TraceData::Layer layer;
  layer.mask.reset(scan_tokens, scan_experts);
  for (std::size_t t = 0; t < scan_tokens; ++t) {
    data.tokens.push_back(static_cast<std::int64_t>(rng.below(64)));
    data.log_probs.push_back(t % scan_positions == 0 ? std::nan("") : -rng.uniform());
    std::vector<double> weights(scan_experts);
    double sum = 0.0;
    for (double& weight : weights) sum += weight = std::exp(rng.normal());
    for (const double weight : weights) layer.scores.push_back(static_cast<float>(weight / sum));
    for (const std::size_t expert : {t % scan_experts, (t + 3) % scan_experts}) layer.mask(t, expert) = 1;
    for (std::size_t e = 0; e < scan_experts; ++e)
      layer.gates.push_back(layer.mask(t, e) != 0 ? layer.scores[t * scan_experts + e] : 0.0f);
  }
  data.layers.push_back(std::move(layer));
  return data;
}

std::vector<std::string> found(const TraceData& data) {
  const Trace trace = make_trace(data);
  std::vector<std::string> ids;
  for (const integrity::Scan& scan :
       {integrity::scan_batch(trace), integrity::scan_layer(trace, trace.layers[0])}) {
    for (std::size_t i = 0; i < integrity::issue_kind_count; ++i) {
      if (scan.issue_counts[static_cast<integrity::IssueKind>(i)].count > 0)
        ids.emplace_back(info(static_cast<integrity::IssueKind>(i)).id);
    }
  }
  return ids;
}

using Ids = std::vector<std::string>;

TEST_CASE("sound traces raise nothing", "[integrity]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) CHECK(found(sound(seed)) == Ids{});
}

TEST_CASE("a token after one that nobody ran has no log-probability to miss", "[integrity]") {
  TraceData data = sound();
  data.valid.assign(scan_tokens, 1);
  data.valid[9] = 0;
  data.log_probs[10] = std::nan("");
  CHECK(found(data) == Ids{});
  data.valid[9] = 1;
  CHECK(found(data).size() == 1);
}

TEST_CASE("each planted fault is found, counted, located, and alone", "[integrity]") {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  struct Case {
    std::string id;
    std::function<void(TraceData&)> plant;
  };
  const std::size_t unused = 137 * scan_experts + (137 + 1) % scan_experts,
                    used = 137 * scan_experts + 137 % scan_experts;
  const std::vector<Case> cases{
      {"mask-not-binary", [&](TraceData& d) { d.layers[0].mask.view().data()[used] = 255; }},
      {"gate-not-finite", [&](TraceData& d) { d.layers[0].gates[used] = infinity; }},
      {"gate-without-mask", [&](TraceData& d) { d.layers[0].gates[unused] = 1e-6f; }},
      {"negative-gate", [&](TraceData& d) { d.layers[0].gates[used] = -0.5f; }},
      {"scores-not-finite", [&](TraceData& d) { d.layers[0].scores[used] = nan; }},
      {"scores-minus-infinity", [&](TraceData& d) { d.layers[0].scores[used] = -infinity; }},
      {"token-out-of-range", [&](TraceData& d) { d.tokens[7] = 64; }},
      {"token-out-of-range", [&](TraceData& d) { d.tokens[7] = -1; }},
      {"logprob-positive", [&](TraceData& d) { d.log_probs[7] = 0.5; }},
      {"logprob-missing", [&](TraceData& d) { d.log_probs[7] = std::nan(""); }},
      {"first-logprob", [&](TraceData& d) { d.log_probs[scan_positions] = -4.0; }},
      {"logprob-minus-infinity",
       [&](TraceData& d) { d.log_probs[7] = -std::numeric_limits<double>::infinity(); }},
  };
  for (const auto& planted : cases) {
    auto data = sound();
    planted.plant(data);
    INFO(planted.id);
    CHECK(found(data) == Ids{planted.id});
  }
  auto data = sound();
  data.layers[0].gates[unused] = 1.0f;
  const Trace trace = make_trace(data);
  const auto seen =
      integrity::scan_layer(trace, trace.layers[0]).issue_counts[integrity::IssueKind::gate_without_mask];
  CHECK(seen.count == 1);
  CHECK(seen.token == 137);
  CHECK(seen.column == (137 + 1) % scan_experts);
  CHECK(seen.value == 1.0);
}

TEST_CASE("empty rows: some, a last position that nobody recorded, and padding", "[integrity]") {
  const auto clear = [](TraceData& data, std::size_t token) {
    for (std::size_t e = 0; e < scan_experts; ++e) {
      data.layers[0].mask(token, e) = 0;
      data.layers[0].gates[token * scan_experts + e] = 0.0f;
    }
  };
  auto some = sound();
  clear(some, 60);
  clear(some, 99);  // the end of sequence 1
  CHECK(found(some) == Ids{"all-zero-rows"});
  auto shorter = sound();
  for (std::size_t row = 0; row < scan_sequences; ++row)
    clear(shorter, row * scan_positions + scan_positions - 1);
  CHECK(found(shorter) == Ids{"row-short"});
  // Drops towards the end of every sequence are no missing row.
  auto drops = sound();
  for (std::size_t row = 0; row < scan_sequences; ++row) {
    for (std::size_t back = 1; back <= 5; ++back) clear(drops, row * scan_positions + scan_positions - back);
  }
  CHECK(found(drops) == Ids{"all-zero-rows"});
  auto padded = sound();
  padded.valid.assign(scan_tokens, 1);
  padded.valid[60] = 0;
  clear(padded, 60);
  padded.layers[0].scores[60 * scan_experts] = std::nanf("");
  CHECK(found(padded) == Ids{});
}

TEST_CASE("ids: repeated, out of range, 255, and against the mask", "[integrity]") {
  auto data = sound();
  data.layers[0].gates.clear();
  std::vector<std::uint8_t> ids;
  for (std::size_t t = 0; t < scan_tokens; ++t) {
    for (const std::size_t id : {t % scan_experts, (t + 3) % scan_experts})
      ids.push_back(static_cast<std::uint8_t>(id));
  }
  Trace trace = make_trace(data);
  LayerRecord layer = trace.layers[0];
  layer.chosen = *layer.mask;
  layer.chosen->columns = 2;
  layer.chosen->position_stride = 2;
  layer.chosen->sequence_stride = 2 * scan_positions;
  layer.chosen->data = reinterpret_cast<const std::byte*>(ids.data());
  const auto count = [&](integrity::IssueKind fault) {
    return integrity::scan_layer(trace, layer).issue_counts[fault].count;
  };
  CHECK(count(integrity::IssueKind::mask_against_experts) == 0);
  ids[20] = ids[21];
  CHECK(count(integrity::IssueKind::repeated_expert) == 1);
  CHECK(count(integrity::IssueKind::mask_against_experts) == 1);
  layer.mask.reset();
  ids[40] = 200;
  ids[42] = ids[44] = 255;
  CHECK(count(integrity::IssueKind::expert_out_of_range) == 1);
  CHECK(count(integrity::IssueKind::marker_255) == 2);
  CHECK(count(integrity::IssueKind::repeated_expert) == 1);
}

TEST_CASE("scores under the wrong name, and the Sinkhorn matrix", "[integrity]") {
  auto data = sound();
  data.layers[0].logits = data.layers[0].scores;
  CHECK(found(data) == Ids{"scores-as-logits"});
  data = sound();
  for (float& score : data.layers[0].scores) score = 20.0f * score - 5.0f;
  CHECK(found(data) == Ids{"logits-as-scores"});
  data = sound();
  auto& scores = data.layers[0].scores;
  for (int round = 0; round < 100; ++round) {
    for (std::size_t e = 0; e < scan_experts; ++e) {
      double sum = 0.0;
      for (std::size_t t = 0; t < scan_tokens; ++t) sum += static_cast<double>(scores[t * scan_experts + e]);
      for (std::size_t t = 0; t < scan_tokens; ++t)
        scores[t * scan_experts + e] /= static_cast<float>(sum * scan_experts / scan_tokens);
    }
    for (std::size_t t = 0; t < scan_tokens; ++t) {
      double sum = 0.0;
      for (std::size_t e = 0; e < scan_experts; ++e) sum += static_cast<double>(scores[t * scan_experts + e]);
      for (std::size_t e = 0; e < scan_experts; ++e) scores[t * scan_experts + e] /= static_cast<float>(sum);
    }
  }
  CHECK(found(data) == Ids{"sinkhorn-scores"});
}

TEST_CASE("a router of zeros is not taken for the Sinkhorn matrix", "[integrity]") {
  auto data = sound();
  for (float& score : data.layers[0].scores) score = 1.0F / static_cast<float>(scan_experts);
  CHECK(found(data).empty());
}

}  // namespace
}  // namespace pastonly
