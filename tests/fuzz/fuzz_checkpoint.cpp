#include <fmt/format.h>
#include <tbb/global_control.h>

#include <cstdint>
#include <fstream>
#include <string_view>

#include "checkpoint/family.h"
#include "fuzz/tiny_checkpoint.h"
#include "input/text/parse_json.h"
#include "unit/input/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using namespace pastonly;

/// A sound checkpoint of every family, whose weights stay while their descriptions change.
class TinyCheckpoints {
 public:
  TinyCheckpoints() {
    for (const auto& family : checkpoint::families())
      fuzz::write_tiny_checkpoint(of(family.model_type), fuzz::tiny_config(family.model_type));
    fuzz::write_tiny_checkpoint(indexed(), fuzz::tiny_config("olmoe"));
  }
  fs::path of(std::string_view model_type) const { return directory_.path() / model_type; }
  fs::path indexed() const { return directory_.path() / "indexed"; }

 private:
  TemporaryDirectory directory_;
};

/// The family that a configuration names, as far as it can be read.
std::string_view family_of(std::string_view config) {
  const auto json = input::parse_json(config, "fuzz", Error::Kind::input);
  const bool named =
      json && json->is_object() && json->contains("model_type") && json->at("model_type").is_string();
  const auto* family =
      named ? checkpoint::find_family(json->at("model_type").get_ref<const std::string&>()) : nullptr;
  return family != nullptr ? family->model_type : "olmoe";
}

void run(const fs::path& directory, std::string_view name, std::string_view text) {
  std::ofstream(directory / name, std::ios::binary) << text;
  if (const auto wrong = fuzz::run_checkpoint(directory); !wrong.empty()) {
    fmt::print(stderr, "{}: {}\n", name, wrong);
    std::abort();
  }
}

}  // namespace

const TinyCheckpoints& tiny() {
  static const TinyCheckpoints all;
  return all;
}

/// Before the first input: writing a checkpoint of every family takes longer than an input may.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  tiny();
  return 0;
}

/// Whatever the text says of sound weights, as config.json or as the index of shards, it is refused, or the
/// checkpoint runs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  run(tiny().of(family_of(text)), "config.json", text);
  run(tiny().indexed(), "model.safetensors.index.json", text);
  return 0;
}
