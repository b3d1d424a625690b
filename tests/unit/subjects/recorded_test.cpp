#include "subjects/recorded.h"

#include <functional>
#include <map>

#include "catch.h"
#include "input/plan/plan.h"
#include "shared.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

using Kind = Intervention::Kind;

constexpr std::size_t sequences = 3, positions = 6, experts = 4;

TraceData trace_of(std::vector<std::int64_t> tokens, std::size_t length = positions) {
  TraceData data;
  data.mode = Mode::train;
  data.stage = Stage::dispatched;
  data.vocab = 100;
  data.layout = {sequences, length, TokenOrder::batch_major};
  data.tokens = std::move(tokens);
  TraceData::Layer layer;
  layer.mask.reset(data.tokens.size(), experts);
  for (std::size_t t = 0; t < data.tokens.size(); ++t)
    layer.mask(t, static_cast<std::size_t>(data.tokens[t]) % experts) = 1;
  data.layers.push_back(std::move(layer));
  return data;
}

std::vector<std::int64_t> base_tokens() {
  std::vector<std::int64_t> tokens(sequences * positions);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int64_t>(i);
  return tokens;
}

/// One run of every kind, sound unless changed.
struct SmallPlan {
  input::Plan plan;
  std::map<std::uint32_t, TraceData> outputs;
  std::map<std::uint32_t, std::vector<std::int64_t>> inputs;  // where they differ from the outputs

  SmallPlan() {
    for (const Kind kind :
         {Kind::base, Kind::repeat, Kind::suffix, Kind::batch, Kind::order, Kind::length, Kind::shuffle}) {
      Intervention run;
      run.id = static_cast<std::uint32_t>(plan.runs.size());
      run.kind = kind;
      if (kind != Kind::base) run.base = 0;
      plan.runs.push_back(run);
      outputs[run.id] = trace_of(base_tokens());
    }
    plan.runs[2].cut = 4;
    plan.runs[2].rows = {1};
    outputs[2].tokens[6 + 4] = 77;
    plan.runs[3].keep = {2};
    for (std::size_t i = 0; i < 12; ++i) outputs[3].tokens[i] += 50;
    plan.runs[4].permutation = {2, 0, 1};
    auto tokens = base_tokens();
    std::rotate(tokens.begin(), tokens.begin() + 12, tokens.end());
    outputs[4] = trace_of(tokens);
    plan.runs[5].append = 2;
    tokens.clear();
    for (std::size_t row = 0; row < sequences; ++row) {
      for (std::size_t s = 0; s < positions + 2; ++s)
        tokens.push_back(s < positions ? static_cast<std::int64_t>(row * positions + s) : 9);
    }
    outputs[5] = trace_of(tokens, positions + 2);
  }

  void write(const std::filesystem::path& directory) const {
    REQUIRE(input::write_plan(directory, plan));
    for (const auto& [id, output] : outputs) {
      const auto given = inputs.contains(id) ? inputs.at(id) : output.tokens;
      REQUIRE(input::write_tokens(directory / input::input_name(id), output.layout, given, {}));
      REQUIRE(input::write_trace(directory / input::output_name(id), output));
    }
  }
};

/// The error of observing run `id` after `change`, or "".
std::string observe(
    std::uint32_t id, const std::function<void(SmallPlan&)>& change = [](SmallPlan&) {}) {
  SmallPlan small;
  change(small);
  const TemporaryDirectory directory;
  small.write(directory.path());
  const auto subject = subjects::open_recorded(directory.path());
  if (!subject) return subject.error().message;
  for (const auto& run : (*subject)->interventions()) {
    if (run.id != id) continue;
    const auto trace = (*subject)->observe(run);
    return trace ? "" : trace.error().message;
  }
  return "not held";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("a sound plan answers every run it holds", "[recorded]") {
  for (std::uint32_t id = 0; id < 7; ++id) CHECK(observe(id) == "");
}

TEST_CASE("a run that is not what its plan says is refused with both files named", "[recorded]") {
  struct Case {
    std::uint32_t id;
    std::string_view mention;
    std::function<void(SmallPlan&)> change;
  };
  const std::vector<Case> cases{
      {1, "0000.out", [](SmallPlan& p) { p.outputs[1].tokens[5] = 60; }},
      {1, "0001.in", [](SmallPlan& p) { p.inputs[1] = p.outputs[1].tokens, p.inputs[1][0] = 42; }},
      {2, "row 1, position 3", [](SmallPlan& p) { p.outputs[2].tokens[6 + 3] = 60; }},
      {2, "row 0", [](SmallPlan& p) { p.outputs[2].tokens[5] = 60; }},
      {2, "'cut' 6", [](SmallPlan& p) { p.plan.runs[2].cut = 6; }},
      {2, "'rows'", [](SmallPlan& p) { p.plan.runs[2].rows = {3}; }},
      {2, "row 1, position 4",
       [](SmallPlan& p) {
         p.plan.runs[2].cut = 0, p.plan.runs[2].rows = {0, 1}, p.plan.runs[2].cuts = {3, 5};
       }},
      {2, "'cuts': 6",
       [](SmallPlan& p) {
         p.plan.runs[2].cut = 0, p.plan.runs[2].rows = {0, 1}, p.plan.runs[2].cuts = {3, 6};
       }},
      {3, "row 2", [](SmallPlan& p) { p.outputs[3].tokens[13] = 60; }},
      {3, "'keep'", [](SmallPlan& p) { p.plan.runs[3].keep = {7}; }},
      {4, "row 0",
       [](SmallPlan& p) {
         p.plan.runs[4].permutation = {1, 0, 2};
       }},
      {4, "'permutation'",
       [](SmallPlan& p) {
         p.plan.runs[4].permutation = {1, 0};
       }},
      {5, "shape (3, 8)", [](SmallPlan& p) { p.plan.runs[5].append = 3; }},
      {6, "row 0, position 0", [](SmallPlan& p) { p.outputs[6].tokens[0] = 60; }},
      {1, "mode eval", [](SmallPlan& p) { p.outputs[1].mode = Mode::eval; }},
      {1, "stage selected", [](SmallPlan& p) { p.outputs[1].stage = Stage::selected; }},
      {1, "vocab", [](SmallPlan& p) { p.outputs[1].vocab = 99; }},
      {1, "layer 5", [](SmallPlan& p) { p.outputs[1].layers[0].index = LayerIndex{5}; }},
      {1, "2 layers",
       [](SmallPlan& p) {
         p.outputs[1].layers.push_back(p.outputs[1].layers[0]), p.outputs[1].layers[1].index = LayerIndex{1};
       }},
      {1, "'scores'", [](SmallPlan& p) { p.outputs[1].layers[0].scores.assign(18 * experts, 0.5f); }},
      {1, "layout", [](SmallPlan& p) { p.outputs[1].layout.order = TokenOrder::sequence_major; }},
  };
  for (const auto& broken : cases) {
    const auto message = observe(broken.id, broken.change);
    INFO(broken.mention << " in: " << message);
    CHECK(contains(message, broken.mention));
    CHECK(contains(message, input::output_name(broken.id)));
  }
}

TEST_CASE("missing outputs are listed, and what stands on them", "[recorded]") {
  const TemporaryDirectory directory;
  SmallPlan().write(directory.path());
  std::filesystem::remove(directory.path() / input::output_name(3));
  auto subject = subjects::open_recorded(directory.path());
  REQUIRE(subject);
  CHECK((*subject)->interventions().size() == 6);
  REQUIRE((*subject)->missing().size() == 1);
  CHECK((*subject)->missing().front().id == 3);
  const auto refused = (*subject)->observe((*subject)->missing().front());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::not_recorded);

  std::filesystem::remove(directory.path() / input::output_name(0));
  subject = subjects::open_recorded(directory.path());
  REQUIRE(subject);
  CHECK((*subject)->interventions().empty());
  CHECK((*subject)->missing().size() == 7);

  std::filesystem::remove(directory.path() / input::input_name(1));
  subject = subjects::open_recorded(directory.path());
  REQUIRE_FALSE(subject);
  CHECK(contains(subject.error().message, "0001.in"));
}

TEST_CASE("a plan's word on its model is held against its traces, and a declared rule against itself",
          "[recorded]") {
  const auto says = [](const input::Plan::Model& model) {
    return observe(2, [&](SmallPlan& small) { small.plan.model = model; });
  };
  CHECK(says({{0}, experts, 1, 100, {0, 99}}) == "");
  const std::string why = says({{}, {}, {}, 99, {}});
  CHECK(contains(why, "plan.json: 'model.vocab' is 99, __metadata__ vocab 100"));
  CHECK(contains(why, "0000.out.safetensors"));
  // Where the traces name no vocabulary, the plan's is theirs.
  const auto unsaid = [](const input::Plan::Model& model) {
    return observe(2, [&](SmallPlan& small) {
      for (auto& [id, output] : small.outputs) output.vocab.reset();
      small.plan.model = model;
    });
  };
  CHECK(unsaid({{}, {}, {}, 99, {}}) == "");
  const auto declares = [](const char* rule) {
    return observe(2, [&](SmallPlan& small) { small.outputs[2].rule = rule; });
  };
  CHECK(declares(R"({"id": "top-k", "k": 1})") == "");
  const std::string two = observe(2, [&](SmallPlan& small) {
    small.outputs[0].rule = R"({"id": "top-k", "k": 1})";
    small.outputs[2].rule = R"({"id": "expert-choice", "k": 1})";
  });
  CHECK(contains(two, "0002.out.safetensors: declares the rule expert-choice, its base top-k"));
  CHECK(contains(observe(2, [](SmallPlan& small) { small.outputs[2].compute = DType::bf16; }),
                 "'compute' differs from its base"));
  CHECK(contains(declares(R"({"id": "top-k", "k": 0})"),
                 "0002.out.safetensors: __metadata__ rule: rule top-k"));
}

TEST_CASE("an output of no run is noted", "[recorded]") {
  const SmallPlan small;
  const TemporaryDirectory directory;
  small.write(directory.path());
  CHECK((*subjects::open_recorded(directory.path()))->info().issues.empty());
  REQUIRE(input::write_trace(directory.path() / "7.out.safetensors", trace_of(base_tokens())));
  const auto issues = (*subjects::open_recorded(directory.path()))->info().issues;
  REQUIRE(issues.size() == 1);
  CHECK(issues.front().id == "unplanned-output");
  CHECK(contains(issues.front().message, "not read: 7.out.safetensors"));
}

TEST_CASE("a suffix equal to its base is noted, not refused", "[recorded]") {
  SmallPlan small;
  small.outputs[2] = trace_of(base_tokens());
  const TemporaryDirectory directory;
  small.write(directory.path());
  const auto subject = subjects::open_recorded(directory.path());
  REQUIRE(subject);
  const auto trace = (*subject)->observe((*subject)->interventions()[2]);
  REQUIRE(trace);
  REQUIRE(trace->issues.size() == 1);
  CHECK(trace->issues.front().id == "suffix-unchanged");
}

TEST_CASE("a trace file is one base run", "[recorded]") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "t.safetensors";
  REQUIRE(input::write_trace(path, trace_of(base_tokens())));
  const auto subject = subjects::open_recorded(path);
  REQUIRE(subject);
  CHECK((*subject)->info().kind == "trace");
  CHECK((*subject)->info().mode == Mode::train);
  CHECK((*subject)->info().files.front().bytes == std::filesystem::file_size(path));
  CHECK((*subject)->capabilities().tokens);
  CHECK_FALSE((*subject)->capabilities().scores);
  CHECK((*subject)->observe((*subject)->interventions().front()));
  Intervention suffix;
  suffix.kind = Kind::suffix;
  CHECK((*subject)->observe(suffix).error().kind == Error::Kind::not_recorded);
}

TEST_CASE("recorded plans from real models open and agree with themselves", "[recorded][shared]") {
  const auto traces = shared_data("traces");
  if (!traces) return;
  for (const char* name :
       {"ec-chunk64", "ec-uniform-chunk16", "gshard-top2", "drop-position", "lossfree", "topk-aux"}) {
    const auto subject = subjects::open_recorded(*traces / name);
    REQUIRE(subject);
    for (const auto& run : (*subject)->interventions()) CHECK((*subject)->observe(run));
    CHECK((*subject)->missing().empty());
  }
}

}  // namespace
}  // namespace pastonly
