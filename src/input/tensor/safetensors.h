#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// A named array as it stands in a file: safetensors, npy or a member of an npz. Views its bytes.
struct Tensor {
  std::string name;
  DType type = DType::f32;
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;  ///< exactly shape x type; little-endian, C order, maybe unaligned
};

/// A tensor of an element type that DType does not name (F8_E4M3, F8_E8M0, ...), as it stands in a file.
struct EncodedTensor {
  std::string name;
  std::string dtype;  ///< the file's own name of the type
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;
};

/// A file of named tensors, memory-mapped. Copies share the mapping.
struct TensorFile {
  std::string path;
  std::map<std::string, std::string> metadata;  ///< __metadata__; empty for npy and npz
  std::vector<Tensor> tensors;                  ///< in order of name
  /// Arrays that stand in the file and are not offered, with the reason: an element type that nothing
  /// here computes with, or a member of an npz that nobody asked for.
  std::map<std::string, std::string, std::less<>> others;
  std::vector<EncodedTensor>
      encoded;          ///< those of `others` that have bytes of a known type, in order of name
  std::string reading;  ///< how an engine's record was understood; "" for files of arrays
  std::optional<std::size_t> experts;  ///< the number of experts, where a record states it
  std::shared_ptr<const void> storage;

  const Tensor* find(std::string_view name) const noexcept;
};

/// Strict, as docs/formats.md says: every deviation is an input error naming file and tensor.
Expected<TensorFile> read_safetensors(const std::filesystem::path& path);
/// The same on bytes in memory (fuzzers): `name` stands for the path in messages.
Expected<TensorFile> parse_safetensors(std::span<const std::byte> bytes, std::string_view name);

/// Writes aside and renames: a reader never sees half a file. Tensors are laid out in the order
/// given, each 8-byte aligned by padding the header only.
Expected<void> write_safetensors(const std::filesystem::path& path,
                                 const std::map<std::string, std::string>& metadata,
                                 std::span<const Tensor> tensors);

}  // namespace pastonly::input
