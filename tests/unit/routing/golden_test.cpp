#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "catch.h"
#include "combine_weights.h"
#include "golden_ties.h"
#include "golden_vectors.h"
#include "routing/selection/capacity.h"
#include "shared.h"

using namespace pastonly;

namespace {

using Mask8 = std::vector<std::uint8_t>;

Routing route(const RoutingRule& rule, const GoldenBatch& batch, const std::vector<float>& scores) {
  Routing out;
  RoutingContext context;
  context.layout = {1, batch.tokens};
  rule.select({scores.data(), batch.tokens, batch.experts}, context, out);
  return out;
}

Mask8 bits(const Mask& mask) { return {mask.view().data(), mask.view().data() + mask.view().size()}; }

Mask to_mask(const Mask8& values, const GoldenBatch& batch) {
  Mask mask(batch.tokens, batch.experts);
  std::copy(values.begin(), values.end(), mask.view().data());
  return mask;
}

void check_gates(const GoldenCase& golden_case, const GoldenBatch& batch, const Mask& selected,
                 const Mask& mask) {
  const auto scores = batch.input(golden_case.gate_scores);
  const MatrixView<const float> view(scores.data(), batch.tokens, batch.experts);
  const auto gates = golden_case.folder == "kyegomez_switch_gate"
                         ? routing::column_normalised_gates(view, mask)
                         : routing::gates(view, selected, mask, golden_case.gate);
  double worst = 0.0;
  for (std::size_t i = 0; i < gates.size(); ++i) {
    if (batch.effective[i] == 0 || mask.view().data()[i] == 0) continue;
    const double scale = std::max(1.0, std::abs(double{batch.gates[i]}));
    worst = std::max(worst, std::abs(double{gates[i]} - double{batch.gates[i]}) / scale);
  }
  CHECK(worst <= 1e-6);
}

/// Experts keep tokens of equal merit: per expert the same scores, renormalised where the rule does.
bool exchanges_only(const GoldenCase& golden_case, const GoldenBatch& batch, const Routing& ours) {
  const auto scores = batch.input(golden_case.selection);
  const MatrixView<const float> view(scores.data(), batch.tokens, batch.experts);
  const auto merit = routing::gates(view, ours.selected, ours.selected, {routing::Normalise::selected});
  for (std::size_t e = 0; e < batch.experts; ++e) {
    std::multiset<long> mine, theirs;  // merits to 1e-6
    for (std::size_t i = e; i < merit.size(); i += batch.experts) {
      const long rounded = std::lround(double{merit[i]} * 1e6);
      if (ours.mask.view().data()[i] != 0) mine.insert(rounded);
      if (batch.effective[i] != 0) theirs.insert(rounded);
    }
    if (mine != theirs) return false;
  }
  return true;
}

void check_reproduced(const GoldenCase& golden_case, const RoutingRule& rule, const GoldenBatch& batch) {
  INFO(batch.name);
  const auto scores = batch.input(golden_case.selection);
  std::vector<TieBreak> resolutions{TieBreak::lower_index};
  if (batch.ties) resolutions = {TieBreak::lower_index, TieBreak::kernel, TieBreak::kernel_one_by_one};
  bool selected_seen = batch.selected.empty();
  bool reproduced = false;
  for (const auto how : resolutions) {
    const auto out = route(rule, batch, resolve_ties(scores, batch.experts, choices_of(rule), how));
    selected_seen = selected_seen || bits(out.selected) == batch.selected;
    const bool same = bits(out.mask) == batch.effective ||
                      (batch.ties && rule.id() == "drop-by-score" && exchanges_only(golden_case, batch, out));
    if (!same || reproduced) continue;
    reproduced = true;
    check_gates(golden_case, batch, out.selected, out.mask);
  }
  CHECK(reproduced);
  // Where experts choose, or a block does, the vectors call every token selected.
  const bool offers_all =
      rule.id().starts_with("expert-choice") || rule.id().starts_with("mixture-of-depths");
  CHECK((selected_seen || offers_all));
}

std::size_t capacity_of(const RoutingRule& rule, const GoldenBatch& batch) {
  Parameters capacity;
  for (const auto& [key, value] : rule.parameters()) {
    if (key.starts_with("capacity") || key == "min_capacity") capacity.emplace_back(key, value);
  }
  routing::ParameterReader reader(rule.id(), capacity);
  return routing::read_capacity(reader).of(batch.tokens, batch.experts,
                                           static_cast<double>(choices_of(rule)));
}

std::size_t sum_column(const Mask8& mask, std::size_t column, std::size_t columns) {
  std::size_t sum = 0;
  for (std::size_t i = column; i < mask.size(); i += columns) sum += mask[i];
  return sum;
}

/// Whatever the draws: the kept are among the choosers, and every expert keeps min(demand, C).
void check_random_tokens(const GoldenCase& golden_case, const RoutingRule& rule, const GoldenBatch& batch) {
  INFO(batch.name);
  const auto ours = route(rule, batch, batch.input(golden_case.selection));
  const Mask8 chosen = bits(ours.selected), kept = bits(ours.mask);
  const std::size_t slots = capacity_of(rule, batch);
  for (std::size_t i = 0; i < chosen.size(); ++i) CHECK(batch.effective[i] <= chosen[i]);
  for (std::size_t e = 0; e < batch.experts; ++e) {
    const std::size_t expected = std::min(sum_column(chosen, e, batch.experts), slots);
    CHECK(sum_column(batch.effective, e, batch.experts) == expected);
    CHECK(sum_column(kept, e, batch.experts) == expected);
  }
  const Mask mask = to_mask(batch.effective, batch);
  check_gates(golden_case, batch, mask, mask);
}

/// Whatever the draws: first choices take the first C slots in order, second choices only what is left.
void check_random_second(const GoldenCase& golden_case, const RoutingRule& rule, const GoldenBatch& batch) {
  INFO(batch.name);
  const auto scores = batch.input(golden_case.selection);
  const std::size_t slots = capacity_of(rule, batch);
  bool explained = false;
  for (const auto how : {TieBreak::lower_index, TieBreak::kernel}) {
    const auto resolved = resolve_ties(scores, batch.experts, 2, how);
    std::vector<std::size_t> taken(batch.experts, 0);
    bool holds = true;
    for (std::size_t t = 0; t < batch.tokens; ++t) {
      const auto row = resolved.begin() + static_cast<std::ptrdiff_t>(t * batch.experts);
      const auto first = static_cast<std::size_t>(
          std::max_element(row, row + static_cast<std::ptrdiff_t>(batch.experts)) - row);
      const bool kept = batch.effective[t * batch.experts + first] != 0;
      holds = holds && kept == (taken[first] < slots);
      taken[first] += kept ? 1 : 0;
    }
    for (std::size_t e = 0; e < batch.experts; ++e) {
      holds = holds && sum_column(batch.effective, e, batch.experts) <= slots;
    }
    explained = explained || holds;
  }
  CHECK(explained);
  // After drops the gate is a function of the kept experts; before drops it needs the drawn second.
  if (golden_case.gate.normalise == routing::Normalise::kept) {
    const Mask mask = to_mask(batch.effective, batch);
    check_gates(golden_case, batch, mask, mask);
  }
}

nlohmann::json description(const std::filesystem::path& golden, const GoldenCase& golden_case) {
  std::ifstream file(golden / (std::string(golden_case.folder) + ".json"));
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("golden vectors: masks and gates of every framework are reproduced", "[routing][golden]") {
  const auto golden = shared_data("golden");
  if (!golden) return;
  for (const GoldenCase& golden_case : golden_cases()) {
    for (const GoldenBatch& batch : golden_batches(*golden, golden_case)) {
      const auto rule = golden_rule(golden_case, batch.experts);
      switch (golden_case.kind) {
        case GoldenCase::Kind::exact:
          check_reproduced(golden_case, *rule, batch);
          break;
        case GoldenCase::Kind::random_tokens:
          check_random_tokens(golden_case, *rule, batch);
          break;
        case GoldenCase::Kind::random_second:
          check_random_second(golden_case, *rule, batch);
          break;
      }
    }
  }
}

TEST_CASE("golden vectors: every folder has its case", "[routing][golden]") {
  const auto golden = shared_data("golden");
  if (!golden) return;
  std::set<std::string> folders, cases;
  for (const auto& entry : std::filesystem::directory_iterator(*golden)) {
    if (entry.is_directory()) folders.insert(entry.path().filename().string());
  }
  for (const GoldenCase& golden_case : golden_cases()) {
    cases.emplace(golden_case.folder);
    CHECK(description(*golden, golden_case).at("uses_rng").get<bool>() ==
          (golden_case.kind != GoldenCase::Kind::exact));
  }
  CHECK(folders == cases);
}

TEST_CASE("golden vectors: capacities are those that the frameworks computed", "[routing][golden]") {
  const auto golden = shared_data("golden");
  if (!golden) return;
  std::size_t compared = 0;
  for (const GoldenCase& golden_case : golden_cases()) {
    INFO(golden_case.folder);
    const auto given = description(*golden, golden_case);
    for (const auto& recorded : given.at("cases")) {
      GoldenBatch batch;
      batch.tokens = recorded.at("T").get<std::size_t>();
      batch.experts = recorded.at("N").get<std::size_t>();
      const auto rule = golden_rule(golden_case, batch.experts);
      const bool capped = std::string_view(golden_case.rule).find("capacity") != std::string_view::npos;
      if (recorded.at("capacity").is_null() || !capped || rule->id() == "mixture-of-depths") continue;
      CHECK(capacity_of(*rule, batch) == recorded.at("capacity").get<std::size_t>());
      ++compared;
    }
  }
  CHECK(compared > 100);
}

TEST_CASE("golden vectors: declared dependence is what interventions on the frameworks showed",
          "[routing][golden]") {
  const auto golden = shared_data("golden");
  if (!golden) return;
  for (const GoldenCase& golden_case : golden_cases()) {
    INFO(golden_case.folder);
    const auto verdict = description(*golden, golden_case).at("verdict");
    const bool blocks = golden_case.folder.starts_with("mod_");
    const std::size_t experts = blocks ? 1 : 8;
    const Dependence declared = golden_rule(golden_case, experts)->dependence({4, 64}, experts);
    CHECK(declared.future == !verdict.at("causal_fixed_length").get<bool>());
    CHECK(declared.batch == verdict.at("batch_dependent").get<bool>());
    CHECK(declared.length == verdict.at("length_dependent").get<bool>());
  }
}
