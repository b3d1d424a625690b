#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "input/files/atomic_file.h"
#include "input/tensor/element_types.h"
#include "input/tensor/safetensors.h"

namespace pastonly::input {

namespace {

/// Header text; throws where a name is not UTF-8.
std::string header_text(const std::map<std::string, std::string>& metadata, std::span<const Tensor> tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const auto& tensor : tensors) {
    header[tensor.name] = {{"dtype", name(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

Expected<void> write_safetensors(const std::filesystem::path& path,
                                 const std::map<std::string, std::string>& metadata,
                                 std::span<const Tensor> tensors) {
  std::set<std::string_view> names;
  for (const auto& tensor : tensors) {
    if (tensor.name.empty() || tensor.name == "__metadata__" || !names.insert(tensor.name).second) {
      return input_error(
          fmt::format("{}: tensor name '{}' is empty, reserved or given twice", path.string(), tensor.name));
    }
    const auto size = byte_size(size_of(tensor.type) * 8, tensor.shape.data(), tensor.shape.size());
    if (size != tensor.bytes.size()) {
      return input_error(fmt::format("{}: tensor '{}': {} bytes do not fill shape [{}] of {}", path.string(),
                                     tensor.name, tensor.bytes.size(), fmt::join(tensor.shape, ", "),
                                     name(tensor.type)));
    }
  }
  std::string header;
  try {
    header = header_text(metadata, tensors);
  } catch (const nlohmann::json::exception& error) {
    return input_error(fmt::format("{}: a name or metadata is not UTF-8: {}", path.string(), error.what()));
  }
  const std::uint64_t length = header.size();
  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(&length, 1)),
                                                std::as_bytes(std::span(header))};
  for (const auto& tensor : tensors) parts.push_back(tensor.bytes);
  return write_atomically(path, parts);
}

}  // namespace pastonly::input
