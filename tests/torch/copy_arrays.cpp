#include <iostream>

#include "input/tensor/open_tensors.h"

/// Reads a file of arrays of any kind that pastonly reads and writes them as safetensors: what a comparison
/// with the program that wrote the file looks at. Arrays without a name are called "array".
int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: pastonly_copy_arrays FILE OUT.safetensors\n";
    return 4;
  }
  auto file = pastonly::input::open_tensors(argv[1], {});
  if (file) {
    for (auto& tensor : file->tensors)
      if (tensor.name.empty()) tensor.name = "array";
  }
  const auto written = file ? pastonly::input::write_safetensors(argv[2], {}, file->tensors)
                            : pastonly::Expected<void>(tl::unexpected(file.error()));
  if (written) return 0;
  std::cerr << written.error().message << '\n';
  return 2;
}
