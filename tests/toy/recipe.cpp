#include "toy/recipe.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

namespace pastonly::toy {
namespace {

using nlohmann::json;

/// Reads members of one object and remembers which were asked for, so that what is left is unknown.
class Reader {
 public:
  Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) fail("is not an object");
  }
  const json* get(const char* key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  template <class T>
  void read(const char* key, T& out) {
    if (const json* value = get(key)) out = value->get<T>();
  }
  /// One of a few words.
  template <class T>
  void choose(const char* key, T& out, std::initializer_list<std::pair<const char*, T>> words) {
    const json* value = get(key);
    if (!value) return;
    for (const auto& [word, meaning] : words) {
      if (*value == word) {
        out = meaning;
        return;
      }
    }
    fail(std::string(key) + " has no meaning " + value->dump());
  }
  void done() {
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) fail("has an unknown key " + key);
    }
  }
  [[noreturn]] void fail(const std::string& what) const { throw std::invalid_argument(where_ + " " + what); }

 private:
  const json& object_;
  std::string where_;
  std::set<std::string> known_;
};

ModelRecipe read_model(const json& object) {
  ModelRecipe model;
  Reader reader(object, "model");
  reader.read("seed", model.seed);
  reader.read("layers", model.layers);
  reader.read("experts", model.experts);
  reader.read("vocab", model.vocab);
  reader.read("width", model.width);
  reader.choose("score", model.score,
                {{"softmax", ModelRecipe::Score::softmax}, {"sigmoid", ModelRecipe::Score::sigmoid}});
  reader.read("sharpness", model.sharpness);
  reader.read("quantise", model.quantise);
  if (const json* rule = reader.get("rule")) model.rules = {rule->get<std::string>()};
  reader.read("rules", model.rules);
  reader.choose("gates", model.gates,
                {{"none", ModelRecipe::Gates::none},
                 {"raw", ModelRecipe::Gates::raw},
                 {"renormalised", ModelRecipe::Gates::renormalised},
                 {"biased", ModelRecipe::Gates::biased},
                 {"over-row", ModelRecipe::Gates::over_row}});
  reader.read("rounding", model.rounding);
  reader.read("chance_per_run", model.chance_per_run);
  if (const json* noise = reader.get("noise")) {
    Reader inner(*noise, "model.noise");
    inner.read("jitter", model.noise.jitter);
    inner.read("exploration", model.noise.exploration);
    inner.read("moving_bias", model.noise.moving_bias);
    inner.read("dropout", model.noise.dropout);
    inner.read("bf16", model.noise.bf16);
    inner.done();
  }
  if (const json* fault = reader.get("scoring_fault")) {
    Reader inner(*fault, "model.scoring_fault");
    auto& out = model.scoring_fault.emplace();
    inner.read("layer", out.layer);
    inner.choose("over", out.across_batch, {{"batch", true}, {"row", false}});
    inner.done();
  }
  if (const json* leak = reader.get("weak_leak")) {
    Reader inner(*leak, "model.weak_leak");
    auto& out = model.weak_leak.emplace();
    inner.read("layer", out.layer);
    inner.read("probability", out.probability);
    inner.choose("kind", out.kind,
                 {{"swap", ModelRecipe::WeakLeak::Kind::swap},
                  {"next-token", ModelRecipe::WeakLeak::Kind::next_token},
                  {"batch", ModelRecipe::WeakLeak::Kind::batch}});
    inner.done();
  }
  if (const json* log_probs = reader.get("log_probs")) {
    Reader inner(*log_probs, "model.log_probs");
    auto& out = model.log_probs.emplace();
    inner.read("sharpness", out.sharpness);
    inner.read("leak", out.leak);
    inner.done();
  }
  reader.done();
  if (model.rules.size() != 1 && model.rules.size() != model.layers)
    reader.fail("needs one rule, or one a layer");
  if (model.layers == 0 || model.experts == 0 || model.vocab == 0 || model.width < 2) reader.fail("is empty");
  return model;
}

PlanRecipe read_plan_recipe(const json& object) {
  PlanRecipe plan;
  Reader reader(object, "plan");
  reader.read("seed", plan.seed);
  reader.read("sequences", plan.sequences);
  reader.read("positions", plan.positions);
  reader.read("stay", plan.stay);
  reader.read("plan", plan.plan);
  reader.read("padding", plan.padding);
  reader.read("repeats", plan.repeats);
  reader.read("cuts", plan.cuts);
  reader.read("cut_count", plan.cut_count);
  if (const json* rows = reader.get("rows")) {
    for (const json& entry : *rows) {
      if (entry == "all") {
        plan.rows.push_back({true, {}});
      } else {
        plan.rows.push_back({false, entry.get<std::vector<std::size_t>>()});
      }
    }
  }
  reader.read("resamples", plan.resamples);
  reader.read("grouped", plan.grouped);
  reader.read("batch", plan.batch);
  reader.read("order", plan.order);
  reader.read("append", plan.append);
  reader.read("shuffles", plan.shuffles);
  reader.read("reroutes", plan.reroutes);
  reader.done();
  const bool rows_exist = std::all_of(plan.rows.begin(), plan.rows.end(), [&](const PlanRecipe::Rows& entry) {
    return std::all_of(entry.rows.begin(), entry.rows.end(),
                       [&](std::size_t row) { return row < plan.sequences; });
  });
  if (!rows_exist) reader.fail("names a row that the batch has not");
  if (plan.sequences == 0 || plan.positions < 2 || plan.padding >= plan.positions) reader.fail("is empty");
  return plan;
}

RecordRecipe read_record(const json& object) {
  RecordRecipe record;
  Reader reader(object, "record");
  reader.read("scores", record.scores);
  reader.read("logits", record.logits);
  reader.read("bias", record.bias);
  reader.read("tokens", record.tokens);
  reader.choose("dtype", record.type, {{"f32", DType::f32}, {"bf16", DType::bf16}});
  reader.choose("mode", record.mode, {{"train", Mode::train}, {"eval", Mode::eval}});
  reader.choose("stage", record.stage, {{"selected", Stage::selected}, {"dispatched", Stage::dispatched}});
  reader.choose("layout", record.order,
                {{"batch-major", TokenOrder::batch_major}, {"sequence-major", TokenOrder::sequence_major}});
  reader.read("rule", record.rule);
  reader.read("damage", record.damage);
  reader.done();
  return record;
}

CheckpointRecipe read_checkpoint(const json& object) {
  CheckpointRecipe checkpoint;
  Reader reader(object, "checkpoint");
  reader.read("seed", checkpoint.seed);
  reader.read("layers", checkpoint.layers);
  reader.read("experts", checkpoint.experts);
  reader.read("width", checkpoint.width);
  reader.read("expert_width", checkpoint.expert_width);
  reader.read("copied_rows", checkpoint.copied_rows);
  reader.read("zero_rows", checkpoint.zero_rows);
  reader.read("coupling", checkpoint.coupling);
  reader.done();
  const auto is_row = [&](std::size_t row) { return row < checkpoint.experts; };
  const bool pairs = std::ranges::all_of(
      checkpoint.copied_rows, [&](const auto& pair) { return is_row(pair.first) && is_row(pair.second); });
  if (!pairs || !std::ranges::all_of(checkpoint.zero_rows, is_row))
    reader.fail("names a row that it has not");
  return checkpoint;
}

template <class T>
void read_optional(Reader& reader, const char* key, std::optional<T>& out) {
  if (const json* value = reader.get(key)) out = value->get<T>();
}

Expectation::Figure read_figure(const json& object) {
  Expectation::Figure figure;
  Reader reader(object, "expect.measurements");
  reader.read("name", figure.name);
  read_optional(reader, "layer", figure.layer);
  read_optional(reader, "above", figure.above);
  read_optional(reader, "below", figure.below);
  read_optional(reader, "equal", figure.equal);
  reader.done();
  return figure;
}

Expectation read_expectation(const json& object) {
  Expectation expect;
  Reader reader(object, "expect");
  reader.read("exit", expect.exit);
  reader.read("findings", expect.findings);
  reader.read("notes", expect.notes);
  reader.read("absent", expect.absent);
  if (const json* figures = reader.get("measurements")) {
    for (const json& figure : *figures) expect.measurements.push_back(read_figure(figure));
  }
  reader.done();
  return expect;
}

}  // namespace

Expected<Recipe> parse_recipe(std::string_view text, std::string_view name) {
  try {
    const json object = json::parse(text, nullptr, true, /*ignore_comments=*/true);
    Recipe recipe;
    Reader reader(object, "recipe");
    reader.get("comment");
    if (const json* checkpoint = reader.get("checkpoint")) {
      recipe.checkpoint = read_checkpoint(*checkpoint);
    } else {
      recipe.model = read_model(object.at("model"));
      reader.get("model");
    }
    if (const json* plan = reader.get("plan")) recipe.plan = read_plan_recipe(*plan);
    if (const json* record = reader.get("record")) recipe.record = read_record(*record);
    reader.read("arguments", recipe.arguments);
    if (const json* expect = reader.get("expect")) recipe.expect = read_expectation(*expect);
    reader.done();
    return recipe;
  } catch (const std::exception& error) {
    return usage_error(std::string(name) + ": " + error.what());
  }
}

Expected<Recipe> read_recipe(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return usage_error(path.string() + ": cannot be read");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return parse_recipe(text, path.string());
}

}  // namespace pastonly::toy
