#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lint/document.h"

namespace pastonly::lint {

enum class Framework : std::uint8_t {
  megatron,
  nemo,
  megatron_deepspeed,
  deepspeed,
  megablocks,
  fairseq,
  hugging_face,
  openmoe,
  olmo_core,
  torchtitan,
  maxtext,
  flaxformer,
  llama_factory,
  axolotl,
  llama_cpp,
};

/// The syntax of a file.
enum class Syntax : std::uint8_t { yaml, json, toml, shell, python, gin, log, gguf };
std::string_view name(Syntax syntax) noexcept;

/// Whose options a file holds, and what was looked at to know them.
struct FrameworkInfo {
  Framework id;
  std::string_view name;  ///< as --framework takes it
  std::string_view title;
  std::string_view source;   ///< where its code is
  std::string_view version;  ///< commit or release that the table was checked against, with its date
  /// Keys, one of which tells it, separated by spaces. "NAME()" is a call or block, "a+b" needs both.
  std::string_view signs;
  std::optional<Syntax> only;  ///< files of this syntax alone
};
std::span<const FrameworkInfo> frameworks() noexcept;
const FrameworkInfo& info(Framework framework) noexcept;
const FrameworkInfo* find_framework(std::string_view name) noexcept;

/// All whose signs a document shows, in the order of the table.
std::vector<Framework> frameworks_of(const Document& document, Syntax syntax);

}  // namespace pastonly::lint
