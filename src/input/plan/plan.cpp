#include "input/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "input/files/mapped_file.h"
#include "input/plan/plan_run.h"
#include "input/text/json_object.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

using RunKind = Intervention::Kind;

// A run takes about a hundred bytes; this is room for tens of thousands.
constexpr std::size_t largest_plan = std::size_t{8} * 1024 * 1024;
constexpr std::size_t runs_between_looks = 1024;  // between two questions whether to stop

/// Ids unique, bases there and of kind base; "" or what is wrong.
std::string check_references(const std::vector<Intervention>& runs) {
  std::set<std::uint32_t> ids, bases;
  for (const auto& run : runs) {
    if (!ids.insert(run.id).second) return fmt::format("run {} occurs twice", run.id);
    if (run.kind == RunKind::base) bases.insert(run.id);
  }
  for (const auto& run : runs) {
    if (!run.base || bases.contains(*run.base)) continue;
    return fmt::format("run {}: its base {} is {}", run.id, *run.base,
                       ids.contains(*run.base) ? "not of kind base" : "not in the plan");
  }
  return bases.empty() ? "has no run of kind base" : "";
}

std::string read_model(const Json& json, Plan::Model& model) {
  if (!json.is_object()) return "'model' is not an object";
  for (const auto& [key, value] : json.items()) {
    std::optional<std::size_t>* number = key == "experts" ? &model.experts
                                         : key == "top_k" ? &model.top_k
                                         : key == "vocab" ? &model.vocab
                                                          : nullptr;
    if (number != nullptr) {
      if (!value.is_number_unsigned() || value.get<std::size_t>() == 0)
        return fmt::format("'model.{}' is not a whole number of at least 1", key);
      *number = value.get<std::size_t>();
    } else if (key == "layers" && value.is_array()) {
      const auto layers = layer_numbers(value);
      if (!layers) return "'model.layers' holds something that is not a layer number";
      if (std::set(layers->begin(), layers->end()).size() != layers->size())
        return "'model.layers' names a layer twice";
      model.layers = *layers;
    } else if (key == "special" && value.is_array()) {
      for (const Json& id : value) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
          return "'model.special' holds something that is no token id";
        model.special.push_back(id.get<std::int64_t>());
      }
    } else {
      return fmt::format("'model' has no key '{}' (layers, experts, top_k, vocab, special)",
                         key.substr(0, 40));
    }
  }
  if (model.top_k && model.experts && *model.top_k > *model.experts)
    return fmt::format("'model.top_k' is {}, more than the {} of 'model.experts'", *model.top_k,
                       *model.experts);
  for (const std::int64_t id : model.special) {
    if (model.vocab && static_cast<std::size_t>(id) >= *model.vocab)
      return fmt::format("'model.special' names token {}, 'model.vocab' is {}", id, *model.vocab);
  }
  return "";
}

std::string read_remarks(const Json& json, std::vector<Plan::Remark>& out) {
  const char* const expected = "'remarks' is not a list of {\"id\": \"own-code\", \"message\": \"...\"}";
  const auto in_id = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (!json.is_array()) return expected;
  for (const auto& entry : json) {
    if (!entry.is_object() || entry.size() != 2 || !entry.contains("id") || !entry["id"].is_string() ||
        !entry.contains("message") || !entry["message"].is_string())
      return expected;
    Plan::Remark remark{entry["id"].get<std::string>(), printable(entry["message"].get<std::string>())};
    if (remark.id.empty() || !std::ranges::all_of(remark.id, in_id)) return expected;
    out.push_back(std::move(remark));
  }
  return "";
}

std::string read_document(const Json& json, Plan& plan, const Stop& stop) {
  if (!json.is_object()) return "is not an object";
  for (const auto& [key, value] : json.items()) {
    if (key != "schema" && key != "runs" && key != "model" && key != "remarks") {
      return fmt::format("unknown key '{}' (schema, runs, model, remarks)", key.substr(0, 40));
    }
  }
  if (!json.contains("schema") || json["schema"] != "pastonly.plan/1")
    return "'schema' is not pastonly.plan/1";
  if (!json.contains("runs") || !json["runs"].is_array()) return "'runs' is not a list";
  if (json.contains("model")) {
    if (auto why = read_model(json["model"], plan.model.emplace()); !why.empty()) return why;
  }
  if (json.contains("remarks")) {
    if (auto why = read_remarks(json["remarks"], plan.remarks); !why.empty()) return why;
  }
  std::size_t place = 0;
  for (const auto& entry : json["runs"]) {
    if (place % runs_between_looks == 0 && stop()) return "";
    if (auto why = read_run(entry, plan.runs.emplace_back()); !why.empty())
      return fmt::format("runs[{}] (id {}): {}", place, plan.runs.back().id, why);
    ++place;
  }
  return check_references(plan.runs);
}

}  // namespace

Expected<Plan> parse_plan(std::string_view text, std::string_view name, const Stop& stop) {
  if (text.size() > largest_plan) {
    return input_error(
        fmt::format("{}: {} bytes, more than the {} that a plan may have", name, text.size(), largest_plan));
  }
  const auto json = parse_json(text, name, Error::Kind::input, false, stop);
  if (!json) return tl::unexpected(json.error());
  Plan plan;
  const std::string why = read_document(*json, plan, stop);
  if (stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
  if (!why.empty()) return input_error(printable(fmt::format("{}: {}", name, why)));
  std::sort(plan.runs.begin(), plan.runs.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return plan;
}

Expected<Plan> read_plan(const std::filesystem::path& directory, const Stop& stop) {
  const auto path = directory / "plan.json";
  const auto text = read_text(path, largest_plan);
  if (!text) {
    std::error_code error;
    const bool unfinished = std::filesystem::exists(directory / "unfinished" / "recording.json", error);
    return input_error(text.error().message +
                       (unfinished
                            ? "; the audit that records here was interrupted or still runs: repeat its "
                              "command, and the directory becomes a plan"
                            : "; a plan is a directory that holds plan.json and its runs, a checkpoint "
                              "one that holds config.json and its weights"));
  }
  return parse_plan(*text, path.string(), stop);
}

std::string input_name(std::uint32_t id) { return fmt::format("{:04}.in.safetensors", id); }
std::string output_name(std::uint32_t id) { return fmt::format("{:04}.out.safetensors", id); }

}  // namespace pastonly::input
