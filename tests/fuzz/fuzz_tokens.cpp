#include <algorithm>

#include "fuzz/scratch_file.h"
#include "input/text/token_stream.h"

/// Whatever the bytes, every format answers, and an accepted stream can be read to its end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pastonly::fuzz::ScratchFile file(data, size);
  for (const auto format : pastonly::input::token_formats()) {
    const auto stream = pastonly::input::open_token_stream(file.path(), format, 50'000);
    if (!stream) continue;
    std::vector<std::int64_t> ids(stream->size());
    if (stream->read(0, ids) && std::ranges::any_of(ids, [](auto id) { return id < 0 || id >= 50'000; })) {
      std::abort();
    }
  }
  return 0;
}
