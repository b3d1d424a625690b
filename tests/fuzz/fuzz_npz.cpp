#include <cstdlib>

#include "fuzz/scratch_file.h"
#include "input/tensor/npz.h"

/// Whatever the archive, the reader answers, and accepted arrays have the bytes that their shapes need.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pastonly::fuzz::ScratchFile scratch(data, size);
  const auto file = pastonly::input::read_npz(scratch.path(), [](std::string_view) { return true; });
  if (!file) return 0;
  for (const auto& tensor : file->tensors) {
    std::size_t elements = 1;
    for (const std::size_t n : tensor.shape) elements *= n;
    if (elements * pastonly::size_of(tensor.type) != tensor.bytes.size()) std::abort();
  }
  return 0;
}
