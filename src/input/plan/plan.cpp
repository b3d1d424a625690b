#include "input/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "input/files/mapped_file.h"
#include "input/text/json_object.h"
#include "input/text/printable.h"
#include "pastonly/routing_rule.h"

namespace pastonly::input {

namespace {

using RunKind = Intervention::Kind;

// A run takes about a hundred bytes; this is room for tens of thousands.
constexpr std::size_t largest_plan = std::size_t{8} * 1024 * 1024;
constexpr std::size_t runs_between_looks = 1024;  // between two questions whether to stop

struct KindKeys {
  RunKind kind;
  std::array<std::string_view, 4>
      keys;  // besides id and kind; "" ends the list; of a suffix, "cut" or "cuts"
};
constexpr std::array<KindKeys, 10> kind_keys{{
    {RunKind::base, {}},
    {RunKind::repeat, {"base"}},
    {RunKind::redraw, {"base", "seed"}},
    {RunKind::suffix, {"base", "cut", "rows", "resample"}},
    {RunKind::batch, {"base", "keep"}},
    {RunKind::order, {"base", "permutation"}},
    {RunKind::length, {"base", "append"}},
    {RunKind::shuffle, {"base", "seed"}},
    {RunKind::reroute, {"base", "rule"}},
    {RunKind::stream, {"base", "rows", "every"}},
}};

/// Reads one run; what is wrong stands in `problem`, "" while nothing is.
class RunReader {
 public:
  explicit RunReader(const Json& json) : json_(json) {}

  Intervention read();
  const std::string& problem() const noexcept { return problem_; }

 private:
  void fail(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
  }
  bool has(std::string_view key) const { return json_.contains(key); }
  std::uint64_t number(std::string_view key, std::uint64_t least, std::uint64_t most);
  std::vector<std::size_t> list(std::string_view key, bool ascending);
  void read_kind(Intervention& run);
  void check_keys(const Intervention& run);
  void read_rows(Intervention& run);
  void read_cuts(Intervention& run);
  void check_cuts(Intervention& run);
  void read_permutation(Intervention& run);
  void check_reroute(const std::string& rule);

  const Json& json_;
  std::string problem_;
};

std::uint64_t RunReader::number(std::string_view key, std::uint64_t least, std::uint64_t most) {
  if (!problem_.empty()) return least;
  const auto at = json_.find(key);
  if (at == json_.end() || !at->is_number_unsigned() || at->get<std::uint64_t>() < least ||
      at->get<std::uint64_t>() > most) {
    constexpr auto unlimited = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    fail(most >= unlimited ? fmt::format("'{}' is not a whole number of at least {}", key, least)
                           : fmt::format("'{}' is not a whole number from {} to {}", key, least, most));
    return least;
  }
  return at->get<std::uint64_t>();
}

std::vector<std::size_t> RunReader::list(std::string_view key, bool ascending) {
  std::vector<std::size_t> numbers;
  if (!problem_.empty()) return numbers;
  const auto& array = json_[std::string(key)];
  if (!array.is_array() || array.empty()) {
    fail(fmt::format("'{}' is not a list of sequence numbers", key));
    return numbers;
  }
  for (const auto& entry : array) {
    if (!entry.is_number_unsigned()) {
      fail(fmt::format("'{}' holds something that is not a sequence number", key));
      return {};
    }
    numbers.push_back(entry.get<std::size_t>());
  }
  if (ascending &&
      std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) != numbers.end()) {
    fail(fmt::format("'{}' is not in ascending order without repetitions", key));
  }
  return numbers;
}

void RunReader::read_kind(Intervention& run) {
  if (!has("kind") || !json_["kind"].is_string()) return fail("has no kind");
  const auto& text = json_["kind"].get_ref<const std::string&>();
  for (const auto& [kind, keys] : kind_keys) {
    if (name(kind) != text) continue;
    run.kind = kind;
    return;
  }
  fail(fmt::format("unknown kind '{}'", text.substr(0, 40)));
}

void RunReader::check_keys(const Intervention& run) {
  if (!problem_.empty()) return;
  const auto& keys = std::find_if(kind_keys.begin(), kind_keys.end(), [&](const auto& entry) {
                       return entry.kind == run.kind;
                     })->keys;
  const bool own_cuts = run.kind == RunKind::suffix && has("cuts");
  if (own_cuts && has("cut")) return fail("has both 'cut' and 'cuts'");
  for (const auto& [key, value] : json_.items()) {
    if (key == "id" || key == "kind" || (own_cuts && key == "cuts")) continue;
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      return fail(fmt::format("a run of kind {} has no key '{}'", name(run.kind), key.substr(0, 40)));
    }
  }
  for (const auto key : keys) {
    if (!key.empty() && !has(key) && !(own_cuts && key == "cut"))
      return fail(fmt::format("a run of kind {} needs '{}'", name(run.kind), key));
  }
}

void RunReader::read_rows(Intervention& run) {
  if (!problem_.empty()) return;
  if (json_["rows"].is_string()) {
    run.all_rows = json_["rows"] == "all";
    if (!run.all_rows) fail("'rows' is neither a list nor \"all\"");
    return;
  }
  run.rows = list("rows", true);
}

/// One for all rows, or one for each.
void RunReader::read_cuts(Intervention& run) {
  if (!has("cuts")) {
    run.cut = static_cast<std::size_t>(number("cut", 1, 0x7fff'ffff'ffff'ffffu));
    return;
  }
  run.cuts = list("cuts", false);
  if (std::ranges::find(run.cuts, std::size_t{0}) != run.cuts.end())
    fail("'cuts' holds 0: a cut leaves at least one token before it");
}

/// One row with a cut of its own is a run with one cut.
void RunReader::check_cuts(Intervention& run) {
  if (run.cuts.empty()) return;
  if (run.all_rows) return fail("'cuts' needs 'rows' as a list, one row for each cut");
  if (run.cuts.size() != run.rows.size())
    return fail(fmt::format("'cuts' has {} entries for {} rows", run.cuts.size(), run.rows.size()));
  if (run.cuts.size() > 1) return;
  run.cut = run.cuts.front();
  run.cuts.clear();
}

void RunReader::read_permutation(Intervention& run) {
  run.permutation = list("permutation", false);
  auto sorted = run.permutation;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != i)
      return fail(fmt::format("'permutation' does not hold each of 0 to {} once", sorted.size() - 1));
  }
}

void RunReader::check_reroute(const std::string& rule) {
  if (!problem_.empty()) return;
  const auto spec = parse_rule(rule);
  const auto good = spec ? check_rule(*spec) : tl::unexpected(spec.error());
  if (!good) fail(fmt::format("'rule': {}", good.error().message));
}

Intervention RunReader::read() {
  constexpr std::uint64_t u32 = 0xffff'ffffu, u63 = 0x7fff'ffff'ffff'ffffu, u64 = ~std::uint64_t{0};
  Intervention run;
  if (!json_.is_object()) {
    fail("is not an object");
    return run;
  }
  run.id = static_cast<std::uint32_t>(number("id", 0, u32));
  read_kind(run);
  check_keys(run);
  if (run.kind != RunKind::base) run.base = static_cast<std::uint32_t>(number("base", 0, u32));
  switch (run.kind) {
    case RunKind::suffix:
      read_cuts(run);
      run.resample = static_cast<std::uint32_t>(number("resample", 0, u32));
      read_rows(run);
      check_cuts(run);
      break;
    case RunKind::batch:
      run.keep = list("keep", true);
      break;
    case RunKind::order:
      read_permutation(run);
      break;
    case RunKind::length:
      run.append = number("append", 1, u63);
      break;
    case RunKind::redraw:
    case RunKind::shuffle:
      run.seed = number("seed", 0, u64);
      break;
    case RunKind::reroute:
      if (problem_.empty() && json_["rule"].is_string()) run.rule = json_["rule"].get<std::string>();
      if (run.rule.empty()) fail("'rule' is not a rule such as \"top-k,k=2\"");
      check_reroute(run.rule);
      break;
    case RunKind::stream:
      run.every = number("every", 1, u63);
      read_rows(run);
      break;
    case RunKind::base:
    case RunKind::repeat:
    case RunKind::foreign_batch:
      break;
  }
  return run;
}

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
    RunReader reader(entry);
    plan.runs.push_back(reader.read());
    if (!reader.problem().empty()) {
      return fmt::format("runs[{}] (id {}): {}", place, plan.runs.back().id, reader.problem());
    }
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
