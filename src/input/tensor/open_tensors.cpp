#include "input/tensor/open_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "input/files/mapped_file.h"
#include "input/records/read_record.h"
#include "input/tensor/element_types.h"
#include "input/tensor/npy.h"
#include "input/tensor/npz.h"
#include "input/tensor/torch_file.h"
#include "input/trace/trace_roles.h"

namespace pastonly::input {

namespace {

bool is_layer(std::string_view name) noexcept { return name.starts_with("layers."); }

Expected<TensorFile> open_npz(const std::filesystem::path& path, const TraceOptions& options) {
  if (!options.map.empty()) {
    return read_npz(path, [&](std::string_view name) { return mapped_name(options, name); });
  }
  auto file = read_npz(path, native_name);
  if (!file) return file;
  // Tokens beside arrays of other names are no trace by name: all arrays say what it is.
  const bool native = std::ranges::any_of(file->tensors, [](const auto& one) { return is_layer(one.name); });
  const bool others =
      std::ranges::any_of(file->others, [](const auto& one) { return !native_name(one.first); });
  if (native || !others) return file;
  return read_npz(path, [](std::string_view) { return true; });
}

/// torch.save's archives and NumPy's are told apart by their members.
Expected<TensorFile> open_zip(std::shared_ptr<const MappedFile> mapped, const std::filesystem::path& path,
                              const TraceOptions& options) {
  auto archive = ZipArchive::open(std::move(mapped), path.string());
  if (!archive) return tl::unexpected(archive.error());
  if (!is_torch_archive(*archive)) return open_npz(path, options);
  const auto torch = read_torch(std::move(*archive), path.string());
  if (!torch) return tl::unexpected(torch.error());
  if (options.map.empty()) {
    if (auto record = read_torch_record(*torch, options)) return std::move(*record);
  }
  return tensors_of(*torch);
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

Expected<void> no_shape_for(const std::filesystem::path& path, const TraceOptions& options) {
  if (options.shape.empty() || options.shape_of_another) return {};
  return usage_error(fmt::format(
      "--shape: {} says its own shape; the flag is for raw int32 files and flat expert ids", path.string()));
}

Expected<TensorFile> open_tensors(const std::filesystem::path& path, const TraceOptions& options) {
  const auto ending = path.extension();
  const bool named = ending == ".safetensors" || ending == ".npy" || ending == ".npz";
  if (named) {
    if (auto fits = no_shape_for(path, options); !fits) return tl::unexpected(fits.error());
  }
  if (ending == ".npy") return read_npy(path);
  if (ending == ".npz") return open_npz(path, options);
  if (ending == ".safetensors") return read_safetensors(path);
  const auto mapped = MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  const auto bytes = (*mapped)->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (auto record = read_text_record(path.string(), text, options)) return std::move(*record);
  if (!options.shape.empty()) return open_raw(path, options.shape);
  if (starts_with(bytes, "\x93NUMPY")) return read_npy(path);
  if (starts_with(bytes, "PK\x03\x04")) return open_zip(*mapped, path, options);
  if (looks_like_pickle(bytes)) return refuse_bare_pickle(bytes, path.string());
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
