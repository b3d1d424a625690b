#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

/// An array of a golden vector: float32 and uint8 (and the scalar cut, int64), widened to float.
struct GoldenArray {
  std::vector<std::size_t> shape;
  std::vector<float> values;
};

/// All arrays of a stored or deflated .npz, by name; fails the test where it cannot be read.
std::map<std::string, GoldenArray> read_golden_npz(const std::filesystem::path& path);
