#include <cstdlib>

#include "fuzz/scratch_file.h"
#include "input/files/mapped_file.h"
#include "input/tensor/pickle.h"

/// Whatever the pickle, the machine answers without running anything, and its tensors have the bytes that
/// their shapes need. The first byte says how many bytes of the rest are the one storage.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto all = std::as_bytes(std::span(data + 1, size - 1));
  const auto storage = all.first(std::min<std::size_t>(data[0], all.size()));
  std::vector<std::vector<std::byte>> kept;
  std::size_t room = std::size_t{1} << 24;
  const pastonly::input::PickleStorages storages{
      [&](std::string_view) -> pastonly::Expected<std::span<const std::byte>> { return storage; },
      [&](std::vector<std::byte> bytes) -> std::span<const std::byte> {
        room -= bytes.size();
        return kept.emplace_back(std::move(bytes));
      },
      [&] { return room; }};
  const auto pickle = pastonly::input::read_pickle(all.subspan(storage.size()), "fuzz", storages);
  if (!pickle) return 0;
  for (const auto& object : pickle->objects) {
    if (object.kind != pastonly::input::ObjectKind::tensor) continue;
    std::size_t elements = 1;
    for (const std::size_t n : object.tensor.shape) elements *= n;
    if (elements * pastonly::size_of(object.tensor.type) != object.tensor.bytes.size()) std::abort();
  }
  return 0;
}
