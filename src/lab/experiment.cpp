#include "lab/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <set>

#include "input/files/hash.h"
#include "input/files/mapped_file.h"
#include "input/policy/source_text.h"
#include "input/text/object_reader.h"
#include "lab/sweep.h"
#include "model/config_json.h"
#include "routing/rule_ids.h"

namespace pastonly::lab {
namespace {

using input::Json;

constexpr std::size_t largest_experiment = std::size_t{1024} * 1024;
constexpr std::size_t largest_batch = std::size_t{1} << 24;  // tokens

input::ObjectReader reader_of(const Json& json, const std::string& where) {
  return {json, where, "", Error::Kind::usage};
}

/// A name that is there and not empty.
std::string name_at(input::ObjectReader& reader, std::string_view key) {
  std::string text = reader.text(key, std::nullopt);
  if (text.empty()) reader.wrong(key, "a string that is not empty");
  return text;
}

Expected<Tokens> tokens_of(const Json& json, const std::string& where, const std::string& directory) {
  Tokens tokens;
  if (!json.is_object() || !json.contains("file")) {
    auto source = input::source_of(json, where);
    if (!source) return tl::unexpected(source.error());
    tokens.vocab = static_cast<std::size_t>(source->vocab);
    tokens.source = *std::move(source);
    return tokens;
  }
  auto reader = reader_of(json, where);
  reader.allow({"file", "format", "vocab"});
  const std::string file = name_at(reader, "file");
  tokens.format = name_at(reader, "format");
  const bool bytes = tokens.format == "bytes";
  tokens.vocab =
      reader.count("vocab", bytes ? std::optional<std::size_t>(256) : std::nullopt, 2, 0xFFFF'FFFFU);
  if (auto read = reader.finish(); !read) return tl::unexpected(read.error());
  tokens.file = (std::filesystem::path(directory) / file).string();
  std::error_code error;
  if (!std::filesystem::exists(tokens.file, error)) {
    return input_error(fmt::format(
        "{}.file: {} is not there; the experiment names a file that does not come with it, and any "
        "text of that name will do (docs/lab.md, section Sources)",
        where, tokens.file));
  }
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
  auto reader = reader_of(json, where);
  reader.allow({"name", "rule", "shuffle", "seeds", "drop_rate", "against", "model", "router", "training",
                "objectives"});
  Arm arm;
  arm.name = arm.group = name_at(reader, "name");
  if (reader.has("against")) arm.against = name_at(reader, "against");
  arm.seed = seed;
  arm.shuffle = reader.flag("shuffle", false);
  arm.drop_rate = reader.number("drop_rate", 0.0, 0.0, 1.0);
  if (arm.drop_rate == 1.0) reader.wrong("drop_rate", "a number below 1");
  Json model = defaults.model, training = defaults.training;
  for (const char* key : {"model", "router", "training", "objectives"}) {
    const Json* patch = reader.find(key);
    if (patch == nullptr) continue;
    if (!patch->is_object()) reader.wrong(key, "an object");
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
                                              const std::vector<std::uint64_t>& otherwise) {
  if (!json.is_object() || !json.contains("seeds")) return otherwise;
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
                        const std::vector<std::uint64_t>& otherwise, Experiment& experiment) {
  if (!entry.is_object()) return usage_error(where + ": expected an object");
  const auto swept = expand_sweep(entry, where);
  if (!swept) return tl::unexpected(swept.error());
  for (const Json& json : *swept) {
    const auto seeds = seeds_of(json, where, otherwise);
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
    if (auto fits = model::fits_memory(arm.model, experiment.batch); !fits)
      return usage_error(fmt::format("{}: arm '{}': {}", name, arm.name, fits.error().message));
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
  auto reader = reader_of(json, name);
  reader.allow(
      {"schema", "name", "seed", "seeds", "model", "training", "source", "batch", "evaluation", "arms"});
  if (reader.text("schema", std::nullopt) != "pastonly.experiment/1")
    reader.wrong("schema", "pastonly.experiment/1");
  Experiment experiment;
  experiment.name = name_at(reader, "name");
  if (!names_a_file(experiment.name))
    reader.wrong("name",
                 "a file name of letters, digits, spaces and -._ (the arms are kept in a directory of it)");
  experiment.batch = {16, 64, TokenOrder::batch_major};
  experiment.seed = reader.count("seed", experiment.seed, 0, std::uint64_t{1} << 53);
  const Json* arms = reader.find("arms");
  if (arms == nullptr || !arms->is_array() || arms->empty()) reader.wrong("arms", "a list of arms");
  const Json* source = reader.find("source");
  if (source == nullptr) reader.wrong("source", "a source of tokens");
  auto batch = reader.object("batch");
  batch.allow({"sequences", "positions"});
  experiment.batch.sequences = batch.count("sequences", experiment.batch.sequences, 1, 1 << 16);
  experiment.batch.positions = batch.count("positions", experiment.batch.positions, 2, 1 << 20);
  if (experiment.batch.tokens() > largest_batch) batch.wrong("positions", "fewer tokens in a batch");
  reader.adopt(batch);
  auto evaluation = reader.object("evaluation");
  evaluation.allow({"batches", "streaming_batches"});
  experiment.evaluation.batches = evaluation.count("batches", experiment.evaluation.batches, 2, 1 << 16);
  experiment.evaluation.streaming_batches =
      evaluation.count("streaming_batches", experiment.evaluation.streaming_batches, 0, 1 << 16);
  reader.adopt(evaluation);
  if (auto read = reader.finish(); !read) return tl::unexpected(read.error());
  auto tokens = tokens_of(*source, name + ": source", directory);
  if (!tokens) return tl::unexpected(tokens.error());
  experiment.tokens = *std::move(tokens);
  Defaults defaults;
  defaults.model["vocab"] = experiment.tokens.vocab;
  if (const Json* model = reader.find("model")) defaults.model.merge_patch(*model);
  if (const Json* training = reader.find("training")) defaults.training.merge_patch(*training);
  if (!defaults.model.is_object() || !defaults.training.is_object()) {
    return usage_error(name + ": 'model' and 'training' are objects");
  }
  const auto seeds = seeds_of(json, name, {experiment.seed});
  if (!seeds) return tl::unexpected(seeds.error());
  std::size_t index = 0;
  for (const Json& entry : *arms) {
    const std::string where = fmt::format("{}: arms[{}]", name, index++);
    if (auto added = add_arms(entry, where, defaults, *seeds, experiment); !added)
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
