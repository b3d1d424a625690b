#pragma once

#include <string>

#include "lint/document.h"

namespace pastonly::lint {

/// What a config.json of Hugging Face says of itself.
struct ModelType {
  std::string name;      ///< model_type, else the architecture
  bool known = false;    ///< its routing was read: a row of the table, or a family that `audit` runs
  bool experts = false;  ///< a key, or its name, speaks of experts
};
ModelType model_type(const Document& document);

}  // namespace pastonly::lint
