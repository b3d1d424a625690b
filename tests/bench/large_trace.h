#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "pastonly/error.h"

/// The shape of a benchmark trace. 262,144 x 16 x 64 float32 scores are 1.07 GB.
struct LargeTrace {
  std::size_t sequences = 128;
  std::size_t positions = 2048;
  std::size_t layers = 16;
  std::size_t experts = 64;
  std::string rule = "top-k,k=8";  ///< as on the command line
};

/// Writes the trace one layer at a time: scores in (0, 1), masks routed by the rule.
pastonly::Expected<void> write_large_trace(const std::filesystem::path& path, const LargeTrace& shape);
