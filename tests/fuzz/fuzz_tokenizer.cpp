#include <algorithm>
#include <string_view>

#include "fuzz/scratch_file.h"
#include "input/tokenizer/tokenizer.h"

/// Whatever the tokenizer.json (up to the first NUL byte) and the text (behind it), there are ids or a
/// refusal, and of the same text the same ids.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const end = std::find(data, data + size, 0);
  const pastonly::fuzz::ScratchFile file(data, static_cast<std::size_t>(end - data));
  auto tokenizer = pastonly::input::Tokenizer::open(file.path());
  if (!tokenizer) return 0;
  const auto* const begin = end == data + size ? end : end + 1;
  const std::string_view text(reinterpret_cast<const char*>(begin),
                              static_cast<std::size_t>(data + size - begin));
  const auto ids = tokenizer->encode(text, "text");
  if (!ids) return 0;
  if (std::ranges::any_of(*ids, [](std::int32_t id) { return id < 0; })) std::abort();
  if (const auto again = tokenizer->encode(text, "text"); !again || *again != *ids) std::abort();
  return 0;
}
