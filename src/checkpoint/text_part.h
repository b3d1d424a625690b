#pragma once

#include <string>
#include <vector>

#include "input/text/parse_json.h"

namespace pastonly::checkpoint {

/// The configuration that describes a checkpoint's text model.
struct TextPart {
  input::Json config;
  std::string part_of;  ///< the model_type of the model around it; "" = the configuration is the text model's
  /// What the configuration around it says and nobody reads, as in Description::unread.
  std::vector<std::string> unread;
};

/// `text_config` of a model that also sees or hears, where it names an architecture that runs here, with what
/// the whole says of storage (quantization_config, tie_word_embeddings); any other configuration as it is.
TextPart text_part(const input::Json& config, const std::string& file);

}  // namespace pastonly::checkpoint
