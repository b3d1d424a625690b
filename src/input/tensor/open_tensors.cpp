#include "input/tensor/open_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

#include "input/files/mapped_file.h"
#include "input/tensor/element_types.h"
#include "input/tensor/npy.h"
#include "input/tensor/npz.h"
#include "input/trace/trace_roles.h"

namespace pastonly::input {

namespace {

Expected<TensorFile> open_npz(const std::filesystem::path& path, const TraceOptions& options) {
  if (!options.map.empty()) {
    return read_npz(path, [&](std::string_view name) { return mapped_name(options, name); });
  }
  auto file = read_npz(path, native_name);
  if (!file || !file->tensors.empty()) return file;
  return read_npz(path, [](std::string_view) { return true; });
}

Expected<TensorFile> open_raw(const std::filesystem::path& path, const std::vector<std::size_t>& shape) {
  const auto mapped = MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  const auto bytes = (*mapped)->bytes();
  const auto needed = byte_size(32, shape.data(), shape.size());
  if (needed != bytes.size()) {
    return input_error(fmt::format("{}: {} bytes, --shape {} of int32 needs {}", path.string(), bytes.size(),
                                   fmt::join(shape, ","), needed ? fmt::format("{}", *needed) : "far more"));
  }
  TensorFile file;
  file.path = path.string();
  file.tensors.push_back({"", DType::i32, shape, bytes});
  file.storage = *mapped;
  return file;
}

bool starts_with(std::span<const std::byte> bytes, std::string_view magic) noexcept {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

}  // namespace

Expected<TensorFile> open_tensors(const std::filesystem::path& path, const TraceOptions& options) {
  const auto ending = path.extension();
  const bool named = ending == ".safetensors" || ending == ".npy" || ending == ".npz";
  if (named && !options.shape.empty()) {
    return usage_error(
        fmt::format("--shape: {} says its own shape; the flag is for raw int32 files", path.string()));
  }
  if (ending == ".npy") return read_npy(path);
  if (ending == ".npz") return open_npz(path, options);
  if (ending == ".safetensors") return read_safetensors(path);
  if (!options.shape.empty()) return open_raw(path, options.shape);
  const auto mapped = MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  if (starts_with((*mapped)->bytes(), "\x93NUMPY")) return read_npy(path);
  if (starts_with((*mapped)->bytes(), "PK\x03\x04")) return open_npz(path, options);
  auto file = read_safetensors(path);
  if (!file) {
    return input_error(file.error().message + " (a raw int32 file needs --shape)");
  }
  return file;
}

void read_doubles(const TokenTensor& tensor, std::span<double> out) {
  if (tensor.type != DType::f64) {
    std::vector<float> scratch;
    const auto values = read_floats(tensor, 0, tensor.tokens(), scratch);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = values.data()[i];
    return;
  }
  for (std::size_t row = 0, i = 0; row < tensor.sequences; ++row) {
    for (std::size_t position = 0; position < tensor.positions; ++position, ++i) {
      std::memcpy(&out[i], tensor.data + row * tensor.sequence_stride + position * tensor.position_stride,
                  sizeof(double));
    }
  }
}

}  // namespace pastonly::input
