#include "lab/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <initializer_list>
#include <set>

#include "input/files/hash.h"
#include "input/files/mapped_file.h"
#include "input/policy/source_text.h"
#include "input/text/json_object.h"
#include "input/text/printable.h"
#include "lab/sweep.h"
#include "model/config_json.h"
#include "routing/rule_ids.h"

namespace pastonly::lab {
namespace {

using input::Json;

constexpr std::size_t largest_experiment = std::size_t{1024} * 1024;
constexpr std::size_t largest_batch = std::size_t{1} << 24;  // tokens

/// Checks one object's keys and reads its simple members; the first problem stays.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) fail("expected an object");
  }

  void allow(std::initializer_list<std::string_view> keys) {
    if (!json_.is_object()) return;
    for (const auto& [key, value] : json_.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      fail(input::unknown_key(key, fmt::format("{}", fmt::join(keys, ", "))));
    }
  }
  const Json* find(const char* key) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }
  const Json& need(const char* key) {
    static const Json nothing;
    const Json* value = find(key);
    if (value == nullptr) fail(fmt::format("'{}' is missing", key));
    return value != nullptr ? *value : nothing;
  }
  std::string text(const char* key) {
    const Json& value = need(key);
    if (value.is_string() && !value.get_ref<const std::string&>().empty()) return value.get<std::string>();
    fail(fmt::format("'{}' is not a string", key));
    return "";
  }
  template <class Whole>
  void whole(const char* key, std::uint64_t least, std::uint64_t most, Whole& out) {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (value->is_number_unsigned() && value->get<std::uint64_t>() >= least &&
        value->get<std::uint64_t>() <= most) {
      out = static_cast<Whole>(value->get<std::uint64_t>());
      return;
    }
    fail(fmt::format("'{}' is not a whole number from {} to {}", key, least, most));
  }
  void fail(std::string_view why) {
    if (problem_.empty()) problem_ = fmt::format("{}: {}", where_, why);
  }
  Expected<void> finish() const {
    if (problem_.empty()) return {};
    return usage_error(input::printable(problem_));
  }
  const std::string& where() const noexcept { return where_; }

 private:
  const Json& json_;
  std::string where_;
  std::string problem_;
};

Expected<Tokens> tokens_of(const Json& json, const std::string& where, const std::string& directory) {
  Tokens tokens;
  if (!json.is_object() || !json.contains("file")) {
    auto source = input::source_of(json, where);
    if (!source) return tl::unexpected(source.error());
    tokens.vocab = static_cast<std::size_t>(source->vocab);
    tokens.source = *std::move(source);
    return tokens;
  }
  ObjectReader reader(json, where);
  reader.allow({"file", "format", "vocab"});
  const std::string file = reader.text("file");
  tokens.format = reader.text("format");
  tokens.vocab = 256;
  reader.whole("vocab", 2, 0xFFFF'FFFFU, tokens.vocab);
  if (tokens.format != "bytes" && reader.find("vocab") == nullptr) reader.fail("'vocab' is missing");
  if (auto read = reader.finish(); !read) return tl::unexpected(read.error());
  tokens.file = (std::filesystem::path(directory) / file).string();
  auto hash = input::sha256_file(tokens.file);
  if (!hash) return tl::unexpected(hash.error());
  tokens.sha256 = *std::move(hash);
  return tokens;
}

/// What all arms start from.
struct Defaults {
  Json model = Json::object();
  Json training = Json::object();
};

/// An arm's own keys laid over the defaults.
Expected<Arm> arm_of(const Json& json, const std::string& where, const Defaults& defaults,
                     std::uint64_t seed) {
  ObjectReader reader(json, where);
  reader.allow({"name", "rule", "shuffle", "seeds", "drop_rate", "against", "model", "router", "training",
                "objectives"});
  Arm arm;
  arm.name = arm.group = reader.text("name");
  if (reader.find("against") != nullptr) arm.against = reader.text("against");
  arm.seed = seed;
  if (const Json* shuffle = reader.find("shuffle")) {
    if (shuffle->is_boolean())
      arm.shuffle = shuffle->get<bool>();
    else
      reader.fail("'shuffle' is neither true nor false");
  }
  if (const Json* rate = reader.find("drop_rate")) {
    if (rate->is_number() && rate->get<double>() >= 0.0 && rate->get<double>() < 1.0)
      arm.drop_rate = rate->get<double>();
    else
      reader.fail("'drop_rate' is not a number of at least 0 and below 1");
  }
  Json model = defaults.model, training = defaults.training;
  for (const char* key : {"model", "router", "training", "objectives"}) {
    const Json* patch = reader.find(key);
    if (patch == nullptr) continue;
    if (!patch->is_object()) reader.fail(fmt::format("'{}' is not an object", key));
    const std::string_view what = key;
    (what == "model"        ? model
     : what == "router"     ? model["router"]
     : what == "objectives" ? training["objectives"]
                            : training)
        .merge_patch(*patch);
  }
  if (const Json* rule = reader.find("rule")) model["router"]["rule"] = *rule;
  if (auto read = reader.finish(); !read) return tl::unexpected(read.error());
  auto config = model::model_config(model, where + ": model");
  if (!config) return tl::unexpected(config.error());
  auto trained = model::training_config(training, where + ": training");
  if (!trained) return tl::unexpected(trained.error());
  arm.model = *std::move(config);
  arm.training = *std::move(trained);
  if (arm.model.router.rule.id == routing::ids::soft_moe && (arm.shuffle || arm.drop_rate > 0.0)) {
    return usage_error(where + ": soft-moe selects nothing that 'shuffle' or 'drop_rate' could change");
  }
  if (arm.model.router.update == model::StateUpdate::before_use && (arm.shuffle || arm.drop_rate > 0.0)) {
    return usage_error(where +
                       ": 'shuffle' and 'drop_rate' cannot be combined with router.update before_use");
  }
  if (auto sound = model::validate(arm.model, arm.training); !sound) {
    return usage_error(fmt::format("{}: {}", where, sound.error().message));
  }
  return arm;
}

Expected<std::vector<std::uint64_t>> seeds_of(const Json& json, const std::string& where,
                                              std::uint64_t otherwise) {
  if (!json.is_object() || !json.contains("seeds")) return std::vector<std::uint64_t>{otherwise};
  std::vector<std::uint64_t> seeds;
  for (const Json& seed : json["seeds"]) {
    if (!seed.is_number_unsigned()) return usage_error(where + ".seeds: expected a list of whole numbers");
    seeds.push_back(seed.get<std::uint64_t>());
  }
  if (!json["seeds"].is_array() || seeds.empty()) {
    return usage_error(where + ".seeds: expected a list of whole numbers");
  }
  return seeds;
}

Expected<void> add_arms(const Json& entry, const std::string& where, const Defaults& defaults,
                        Experiment& experiment) {
  if (!entry.is_object()) return usage_error(where + ": expected an object");
  const auto swept = expand_sweep(entry, where);
  if (!swept) return tl::unexpected(swept.error());
  for (const Json& json : *swept) {
    const auto seeds = seeds_of(json, where, experiment.seed);
    if (!seeds) return tl::unexpected(seeds.error());
    for (const std::uint64_t seed : *seeds) {
      auto arm = arm_of(json, where, defaults, seed);
      if (!arm) return tl::unexpected(arm.error());
      if (seeds->size() > 1) arm->name += fmt::format(", seed {}", seed);
      experiment.arms.push_back(*std::move(arm));
    }
  }
  return {};
}

Expected<void> check_whole(const Experiment& experiment, const std::string& name) {
  std::set<std::string_view> names, groups;
  for (const Arm& arm : experiment.arms) groups.insert(arm.group);
  for (const Arm& arm : experiment.arms) {
    if (!names.insert(arm.name).second) {
      return usage_error(fmt::format("{}: two arms are called '{}'", name, arm.name));
    }
    if (!arm.against.empty() && !groups.contains(arm.against)) {
      return usage_error(
          fmt::format("{}: arm '{}': against '{}': no arm has that name", name, arm.name, arm.against));
    }
    if (arm.model.vocab < experiment.tokens.vocab) {
      return usage_error(fmt::format("{}: arm '{}': model.vocab {} is below the source's {}", name, arm.name,
                                     arm.model.vocab, experiment.tokens.vocab));
    }
  }
  return {};
}

/// Of one directory below another, whatever else the experiment says.
bool names_a_file(const std::string& name) {
  return !name.empty() && name.size() <= 100 && name.front() != '.' &&
         std::ranges::all_of(name, [](unsigned char c) {
           return c >= 0x80 || std::isalnum(c) != 0 || c == ' ' || c == '-' || c == '.' || c == '_';
         });
}

Expected<Experiment> experiment_of(const Json& json, const std::string& name, const std::string& directory) {
  ObjectReader reader(json, name);
  reader.allow({"schema", "name", "seed", "model", "training", "source", "batch", "evaluation", "arms"});
  if (reader.need("schema") != "pastonly.experiment/1") {
    reader.fail("'schema' is not pastonly.experiment/1");
  }
  Experiment experiment;
  experiment.name = reader.text("name");
  if (!names_a_file(experiment.name))
    reader.fail(
        "'name' is not a file name: letters and digits, spaces and -._ (the arms are kept in a directory of "
        "it)");
  experiment.batch = {16, 64, TokenOrder::batch_major};
  reader.whole("seed", 0, std::uint64_t{1} << 53, experiment.seed);
  if (!reader.need("arms").is_array() || reader.need("arms").empty())
    reader.fail("'arms' is not a list of arms");
  reader.need("source");
  if (auto read = reader.finish(); !read) return tl::unexpected(read.error());
  const auto part = [&](const char* key, auto read) -> Expected<void> {
    const Json* value = reader.find(key);
    if (value == nullptr) return {};
    ObjectReader nested(*value, fmt::format("{}: {}", name, key));
    read(nested);
    return nested.finish();
  };
  if (auto read = part("batch",
                       [&](ObjectReader& batch) {
                         batch.allow({"sequences", "positions"});
                         batch.whole("sequences", 1, 1 << 16, experiment.batch.sequences);
                         batch.whole("positions", 2, 1 << 20, experiment.batch.positions);
                         if (experiment.batch.tokens() > largest_batch) batch.fail("too many tokens");
                       });
      !read) {
    return tl::unexpected(read.error());
  }
  if (auto read = part("evaluation",
                       [&](ObjectReader& evaluation) {
                         evaluation.allow({"batches", "streaming_batches"});
                         evaluation.whole("batches", 2, 1 << 16, experiment.evaluation.batches);
                         evaluation.whole("streaming_batches", 0, 1 << 16,
                                          experiment.evaluation.streaming_batches);
                       });
      !read) {
    return tl::unexpected(read.error());
  }
  auto tokens = tokens_of(reader.need("source"), name + ": source", directory);
  if (!tokens) return tl::unexpected(tokens.error());
  experiment.tokens = *std::move(tokens);
  Defaults defaults;
  defaults.model["vocab"] = experiment.tokens.vocab;
  if (const Json* model = reader.find("model")) defaults.model.merge_patch(*model);
  if (const Json* training = reader.find("training")) defaults.training.merge_patch(*training);
  if (!defaults.model.is_object() || !defaults.training.is_object()) {
    return usage_error(name + ": 'model' and 'training' are objects");
  }
  std::size_t index = 0;
  for (const Json& entry : reader.need("arms")) {
    if (auto added = add_arms(entry, fmt::format("{}: arms[{}]", name, index++), defaults, experiment);
        !added)
      return tl::unexpected(added.error());
  }
  if (auto sound = check_whole(experiment, name); !sound) return tl::unexpected(sound.error());
  return experiment;
}

Expected<Experiment> parsed_in(std::string_view text, std::string_view name, const std::string& directory) {
  const auto json = input::parse_json(text, name, Error::Kind::usage, true);
  if (!json) return tl::unexpected(json.error());
  return experiment_of(*json, std::string(name), directory);
}

}  // namespace

Expected<Experiment> parse_experiment(std::string_view text, std::string_view name) {
  return parsed_in(text, name, ".");
}

Expected<Experiment> read_experiment(const std::string& path) {
  const auto text = input::read_text(path, largest_experiment);
  if (!text) return usage_error(text.error().message);
  return parsed_in(*text, path, std::filesystem::path(path).parent_path().string());
}

}  // namespace pastonly::lab
