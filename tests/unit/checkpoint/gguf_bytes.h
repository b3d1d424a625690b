#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pastonly::checkpoint {

/// Writes GGUF, right or wrong: what is told stands in the file.
class GgufBytes {
 public:
  enum Type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

  std::uint32_t magic = 0x46554747, version = 3;
  std::uint64_t more_tensors = 0, more_keys = 0;  ///< said beyond those that are there
  std::size_t alignment = 32;

  template <class T>
  static std::string raw(T value) {
    std::string out(sizeof(T), '\0');
    std::memcpy(out.data(), &value, sizeof(T));
    return out;
  }
  static std::string sized(std::string_view text) {
    return raw<std::uint64_t>(text.size()) + std::string(text);
  }

  /// Any key with any bytes for its value.
  GgufBytes& key(std::string_view name, std::uint32_t type, const std::string& value) {
    keys_.push_back(sized(name) + raw(type) + value);
    return *this;
  }
  GgufBytes& count(std::string_view name, std::uint32_t value) { return key(name, u32, raw(value)); }
  GgufBytes& number(std::string_view name, float value) { return key(name, f32, raw(value)); }
  GgufBytes& said(std::string_view name, std::string_view value) { return key(name, text, sized(value)); }

  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> sizes;  ///< innermost first, as in the file
    std::uint32_t type = 0;
    std::string bytes;
    std::int64_t shift = 0;        ///< of its offset
    std::uint32_t dimensions = 0;  ///< 0 = as many as sizes
  };
  GgufBytes& tensor(Tensor tensor) {
    tensors_.push_back(std::move(tensor));
    return *this;
  }
  /// F32, of a shape as everywhere else: outermost first.
  GgufBytes& floats(std::string name, const std::vector<std::size_t>& shape,
                    std::span<const std::byte> bytes) {
    return tensor({std::move(name),
                   {shape.rbegin(), shape.rend()},
                   0,
                   std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
  }
  std::vector<Tensor>& tensors() { return tensors_; }

  std::string bytes() const {
    std::string out = raw(magic) + raw(version) + raw<std::uint64_t>(tensors_.size() + more_tensors) +
                      raw<std::uint64_t>(keys_.size() + more_keys);
    for (const std::string& key : keys_) out += key;
    std::string data;
    for (const Tensor& tensor : tensors_) {
      out += sized(tensor.name);
      out += raw(tensor.dimensions > 0 ? tensor.dimensions : static_cast<std::uint32_t>(tensor.sizes.size()));
      for (const std::uint64_t size : tensor.sizes) out += raw(size);
      out += raw(tensor.type) + raw(data.size() + static_cast<std::uint64_t>(tensor.shift));
      data += tensor.bytes;
      data.resize((data.size() + alignment - 1) / alignment * alignment);
    }
    if (!tensors_.empty()) out.resize((out.size() + alignment - 1) / alignment * alignment);
    return out + data;
  }

 private:
  std::vector<std::string> keys_;
  std::vector<Tensor> tensors_;
};

}  // namespace pastonly::checkpoint
