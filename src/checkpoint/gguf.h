#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/gguf_blocks.h"
#include "input/text/parse_json.h"
#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// A tensor as it stands in a GGUF file.
struct GgufTensor {
  std::string name;
  const BlockType* type = nullptr;
  std::vector<std::size_t> shape;    ///< outermost first, as everywhere here; the file says it the other way
  std::span<const std::byte> bytes;  ///< exactly shape x type
};

/// One GGUF file (docs/gguf.md of ggml), version 2 or 3, memory-mapped. Copies share the mapping.
struct GgufFile {
  std::string path;
  /// Key to value. Text is made printable. Arrays of a tokenizer and arrays of more than 65,536 are checked
  /// and not kept: "an array of 151936" stands for them.
  input::Json metadata;
  std::vector<GgufTensor> tensors;  ///< in the file's order
  std::shared_ptr<const void> storage;
};

/// Strict: every count, length, offset and product is checked against the file before it is used; names are
/// unique and tensors do not overlap. Input errors name file and key or tensor.
Expected<GgufFile> read_gguf(const std::filesystem::path& path);
/// The same on bytes in memory: `name` stands for the path in messages.
Expected<GgufFile> parse_gguf(std::span<const std::byte> bytes, std::string_view name);

/// A file, or all files of a split one (NAME-00001-of-00003.gguf), whichever of them is given, in order.
/// Input errors: a part is missing, or says something else than its name.
Expected<std::vector<GgufFile>> read_gguf_parts(const std::filesystem::path& path);

/// Whether a path is a regular file that is, or is named as, GGUF.
bool is_gguf(const std::filesystem::path& path);

}  // namespace pastonly::checkpoint
