#pragma once

#include <span>
#include <string_view>

#include "checkpoint/description.h"
#include "checkpoint/gguf_keys.h"

namespace pastonly::checkpoint {

/// An architecture of llama.cpp and the family that it is run as.
struct GgufArchitecture {
  std::string_view name;        ///< general.architecture
  std::string_view model_type;  ///< of the family
  /// Adds to the config.json that the family reads what is not common to all.
  void (*configure)(GgufKeys& keys, input::Json& config);
  /// Changes what no config.json says: what the converter did to the weights, and llama.cpp does otherwise
  /// than transformers.
  void (*adjust)(Description& description);
};

/// Those that were compared with transformers and llama.cpp (tests/torch/gguf.py).
std::span<const GgufArchitecture> gguf_architectures();

/// config.json as it would say the same. Errors stay in the keys.
/// Sources: conversion/*.py of llama.cpp (which keys are written) and src/models/*.cpp (what they mean and
/// which values stand where there is none).
input::Json config_of(const GgufArchitecture& architecture, GgufKeys& keys);

}  // namespace pastonly::checkpoint
