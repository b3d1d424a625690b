#include <cstdlib>

#include "input/tensor/safetensors.h"

/// Whatever the bytes, the reader answers, and what it accepts lies inside them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = pastonly::input::parse_safetensors(bytes, "fuzz");
  if (!file) return 0;
  for (const auto& tensor : file->tensors) {
    std::size_t elements = 1;
    for (const std::size_t n : tensor.shape) elements *= n;
    if (elements * pastonly::size_of(tensor.type) != tensor.bytes.size()) std::abort();
    if (!tensor.bytes.empty() && (tensor.bytes.data() < bytes.data() ||
                                  tensor.bytes.data() + tensor.bytes.size() > bytes.data() + size)) {
      std::abort();
    }
    if (file->find(tensor.name) != &tensor) std::abort();
  }
  return 0;
}
