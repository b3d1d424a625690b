#include <cstdlib>

#include "fuzz/scratch_file.h"
#include "input/trace/trace_file.h"

/// Whatever the file, a trace that is accepted can be read through to its last token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pastonly::fuzz::ScratchFile scratch(data, size);
  pastonly::input::TraceOptions options;
  options.top_k = 1;
  const auto trace = pastonly::input::read_trace(scratch.path(), options);
  if (!trace) return 0;
  const std::size_t tokens = trace->layout.tokens();
  if (tokens == 0 || tokens > size) std::abort();
  for (const auto& layer : trace->layers) {
    std::vector<std::uint8_t> mask(layer.experts);
    std::vector<float> gates(layer.experts), scratch_floats;
    for (std::size_t token = 0; token < tokens; ++token) {
      pastonly::read_mask(layer, token, 1, mask);
      for (const auto entry : mask) {
        if (entry > 1) std::abort();
      }
      if (layer.gates) pastonly::read_gates(layer, token, 1, gates);
      if (const auto* scores = layer.ranking()) pastonly::read_floats(*scores, token, 1, scratch_floats);
    }
  }
  return 0;
}
