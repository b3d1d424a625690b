#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>

#include "fuzz/broken_case.h"

namespace {

namespace fs = std::filesystem;
using pastonly::fuzz::BrokenCase;

/// The fuzz targets that read such a file.
std::vector<std::string_view> targets(const BrokenCase& broken) {
  if (broken.reader == BrokenCase::Reader::plan) return {"fuzz_plan"};
  if (broken.reader == BrokenCase::Reader::tokens) return {"fuzz_tokens"};
  if (broken.name.ends_with(".npy")) return {"fuzz_npy"};
  if (broken.name.ends_with(".npz")) return {"fuzz_npz"};
  if (broken.name.ends_with(".safetensors")) return {"fuzz_safetensors", "fuzz_trace"};
  return {};
}

}  // namespace

/// Writes the broken files as seeds, DIRECTORY/<target>/<name>.
int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: pastonly_write_seeds DIRECTORY\n";
    return 4;
  }
  constexpr std::size_t largest_seed = 100'000;
  std::size_t written = 0;
  for (const auto& broken : pastonly::fuzz::broken_cases()) {
    for (const auto target : targets(broken)) {
      const auto folder = fs::path(argv[1]) / target;
      fs::create_directories(folder);
      if (broken.files.empty() || broken.files.front().second.size() > largest_seed) continue;
      std::ofstream(folder / broken.name, std::ios::binary) << broken.files.front().second;
      ++written;
    }
  }
  std::cout << written << " seeds\n";
  return 0;
}
