#pragma once

#include <string_view>

#include "input/text/parse_json.h"
#include "model/config.h"

namespace pastonly::model {

// Configurations as JSON objects. Keys are the members' names, enumerations their words; a rule is
// {"id": ..., "parameters": {...}}, or the text that --rule takes. Absent keys keep their defaults.

input::Json to_json(const ModelConfig& config);
input::Json to_json(const TrainingConfig& config);

/// Unknown keys, wrong types and values that validate() refuses are usage errors; `where` names the
/// file and place.
Expected<ModelConfig> model_config(const input::Json& json, std::string_view where);
Expected<TrainingConfig> training_config(const input::Json& json, std::string_view where);
Expected<Parameters> rule_parameters(const input::Json& json, std::string_view where);

}  // namespace pastonly::model
