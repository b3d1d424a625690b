#include <cstdlib>

#include "input/tensor/npy.h"

/// Whatever the bytes, the reader answers, and an accepted array has the bytes that its shape needs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto array =
      pastonly::input::parse_npy(std::as_bytes(std::span(data, size)), "fuzz", "array", 1 << 20);
  if (!array) return 0;
  std::size_t elements = 1;
  for (const std::size_t n : array->tensor.shape) elements *= n;
  if (elements * pastonly::size_of(array->tensor.type) != array->tensor.bytes.size()) std::abort();
  return 0;
}
