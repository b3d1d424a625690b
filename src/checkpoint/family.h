#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/description.h"
#include "input/text/object_reader.h"
#include "input/text/parse_json.h"
#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// An architecture of transformers, by its model_type.
struct Family {
  std::string_view model_type;
  std::string_view title;
  double theta;  ///< rope_theta where the configuration has none
  Names names;
  /// What differs from the common part, which is read before. Errors stay in the reader.
  void (*read)(input::ObjectReader& config, Description& out);
  std::string_view norm_epsilon = "rms_norm_eps";  ///< its key
  /// Keys that may also be lists of one entry a layer, which have to be all the same.
  std::vector<std::string> one_of_all_layers = {};
};

/// All that can be run, in the order of the documentation. The only list.
std::span<const Family> families();
/// nullptr where there is none.
const Family* find_family(std::string_view model_type);
/// The family that a model_type is another name of, and nothing else: its configurations name the family's
/// own code. nullptr where it is none.
const Family* find_renamed(std::string_view model_type);

/// Reads config.json. `as`: the model_type to read it as, "" = the declared one; keys that this family does
/// not read are then errors. Input errors name the file and the key; an unknown model_type lists the known
/// ones.
Expected<Description> read_description(const std::filesystem::path& config, std::string_view as = {});
Expected<Description> describe(const input::Json& config, const std::string& file, std::string_view as = {});

}  // namespace pastonly::checkpoint
