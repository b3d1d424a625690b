#include <cstdlib>

#include "checkpoint/gguf.h"

/// Whatever the bytes, the reader answers, and the tensors that it accepts lie inside them, apart from each
/// other.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = pastonly::checkpoint::parse_gguf(bytes, "fuzz");
  if (!file) return file.error().message.empty() ? std::abort(), 0 : 0;
  std::size_t sum = 0;
  for (const auto& tensor : file->tensors) {
    std::size_t numbers = 1;
    for (const std::size_t n : tensor.shape) numbers *= n;
    if (numbers / tensor.type->numbers * tensor.type->bytes != tensor.bytes.size()) std::abort();
    if (tensor.bytes.data() < bytes.data() || tensor.bytes.data() + tensor.bytes.size() > bytes.data() + size)
      std::abort();
    sum += tensor.bytes.size();
  }
  if (sum > size) std::abort();
  return 0;
}
