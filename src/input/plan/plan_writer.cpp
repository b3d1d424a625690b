#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "input/files/atomic_file.h"
#include "input/plan/plan.h"

namespace pastonly::input {

namespace {

void write_rows(const Intervention& run, nlohmann::ordered_json& json) {
  if (run.all_rows) {
    json["rows"] = "all";
  } else {
    json["rows"] = run.rows;
  }
}

nlohmann::ordered_json to_json(const Intervention& run) {
  nlohmann::ordered_json json{{"id", run.id}, {"kind", name(run.kind)}};
  if (run.base) json["base"] = *run.base;
  switch (run.kind) {
    case Intervention::Kind::suffix:
      if (run.cuts.empty()) {
        json["cut"] = run.cut;
      } else {
        json["cuts"] = run.cuts;
      }
      write_rows(run, json);
      json["resample"] = run.resample;
      break;
    case Intervention::Kind::batch:
      json["keep"] = run.keep;
      break;
    case Intervention::Kind::order:
      json["permutation"] = run.permutation;
      break;
    case Intervention::Kind::length:
      json["append"] = run.append;
      break;
    case Intervention::Kind::redraw:
    case Intervention::Kind::shuffle:
      json["seed"] = run.seed;
      break;
    case Intervention::Kind::reroute:
      json["rule"] = run.rule;
      break;
    case Intervention::Kind::stream:
      write_rows(run, json);
      json["every"] = run.every;
      break;
    case Intervention::Kind::foreign_batch:
      json["rule"] = run.rule;
      json["seed"] = run.seed;
      break;
    case Intervention::Kind::base:
    case Intervention::Kind::repeat:
      break;
  }
  return json;
}

nlohmann::ordered_json to_json(const Plan::Model& model) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!model.layers.empty()) json["layers"] = model.layers;
  if (model.experts) json["experts"] = *model.experts;
  if (model.top_k) json["top_k"] = *model.top_k;
  if (model.vocab) json["vocab"] = *model.vocab;
  if (!model.special.empty()) json["special"] = model.special;
  return json;
}

}  // namespace

std::string run_text(const Intervention& run) { return to_json(run).dump(); }

Expected<void> write_plan(const std::filesystem::path& directory, const Plan& plan) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    return input_error(fmt::format("{}: cannot be created: {}", directory.string(), error.message()));
  std::string text = "{\n  \"schema\": \"pastonly.plan/1\",\n";
  if (plan.model) text += fmt::format("  \"model\": {},\n", to_json(*plan.model).dump());
  if (!plan.remarks.empty()) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Plan::Remark& remark : plan.remarks)
      list.push_back({{"id", remark.id}, {"message", remark.message}});
    text += fmt::format("  \"remarks\": {},\n",
                        list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  text += "  \"runs\": [\n";
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    text += fmt::format("    {}{}\n", run_text(plan.runs[i]), i + 1 < plan.runs.size() ? "," : "");
  }
  text += "  ]\n}\n";
  return write_atomically(directory / "plan.json", text);
}

}  // namespace pastonly::input
