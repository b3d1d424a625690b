#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// Token ids of a training corpus, memory-mapped.
class TokenStream {
 public:
  std::size_t size() const noexcept { return count_; }
  /// Ids [first, first + out.size()). Requires that they exist. Input errors: an id that is negative or not
  /// below the vocabulary, naming file and place.
  Expected<void> read(std::size_t first, std::span<std::int64_t> out) const;

 private:
  friend class StreamReader;
  friend TokenStream stream_of(std::string path, std::vector<std::int32_t> ids, std::size_t vocab);
  std::string path_;
  DType type_ = DType::u8;
  std::size_t count_ = 0;
  std::size_t vocab_ = 0;
  const std::byte* data_ = nullptr;  // (count) of type, unaligned
  std::vector<std::shared_ptr<const void>> storage_;
};

/// Ids in memory as a stream; `path`: what errors name.
TokenStream stream_of(std::string path, std::vector<std::int32_t> ids, std::size_t vocab);

/// The formats by name:
/// - bytes: any file, a token a byte.
/// - nanogpt: a .bin of raw little-endian uint16.
/// - llm.c: a .bin of 256 int32 and the tokens: magic 20240520, version 1, uint16; or magic 20240801,
///   version 7, uint32 (Llama 3). The third number is the count of tokens.
/// - megatron: the .bin of a .bin/.idx pair, uint8 to uint16 or int32/int64 as the index says. Documents are
///   read one after the other, as the index lists them without gaps.
/// - npy: a one-dimensional array of integers.
std::span<const std::string_view> token_formats() noexcept;

/// Opens a stream. Everything that the file states is checked against its size. Usage errors: an unknown
/// format. Input errors name the file, what was expected and what was found.
Expected<TokenStream> open_token_stream(const std::filesystem::path& path, std::string_view format,
                                        std::size_t vocab);

}  // namespace pastonly::input
