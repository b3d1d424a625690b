#include "input/text/token_stream.h"

#include <cstring>

#include "catch.h"
#include "fuzz/broken_case.h"
#include "unit/input/temporary_directory.h"

namespace pastonly::input {
namespace {

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string out(values.size() * sizeof(T), '\0');
  std::memcpy(out.data(), values.begin(), out.size());
  return out;
}

std::string llm_c(std::int32_t magic, std::int32_t version, std::int32_t count, const std::string& tokens) {
  std::string header = bytes_of<std::int32_t>({magic, version, count});
  header.resize(1024);
  return header + tokens;
}

/// Two sequences, of 3 and 2 tokens, in one document.
std::string megatron_index(char code, std::int64_t second) {
  return std::string("MMIDIDX\0\0", 9) + bytes_of<std::uint64_t>({1}) + std::string(1, code) +
         bytes_of<std::uint64_t>({2, 2}) + bytes_of<std::int32_t>({3, 2}) +
         bytes_of<std::int64_t>({0, second}) + bytes_of<std::int64_t>({0, 2});
}

std::vector<std::int64_t> whole(const std::filesystem::path& path, std::string_view format,
                                std::size_t vocab = 100'000) {
  const auto stream = open_token_stream(path, format, vocab);
  if (!stream) FAIL(stream.error().message);
  std::vector<std::int64_t> ids(stream->size());
  const auto read = stream->read(0, ids);
  if (!read) FAIL(read.error().message);
  return ids;
}

const std::vector<std::int64_t> stored_ids{5, 60000, 0, 7, 65535};

}  // namespace

TEST_CASE("token streams of every format give their ids", "[input][tokens]") {
  const TemporaryDirectory directory;
  const auto u16 = bytes_of<std::uint16_t>({5, 60000, 0, 7, 65535});
  const auto i32 = bytes_of<std::int32_t>({5, 60000, 0, 7, 65535});
  const auto i64 = bytes_of<std::int64_t>({5, 60000, 0, 7, 65535});
  CHECK(whole(directory.write("a.txt", "abc"), "bytes") == std::vector<std::int64_t>{97, 98, 99});
  CHECK(whole(directory.write("a.bin", u16), "nanogpt") == stored_ids);
  CHECK(whole(directory.write("b.bin", llm_c(20240520, 1, 5, u16)), "llm.c") == stored_ids);
  CHECK(whole(directory.write("c.bin", llm_c(20240801, 7, 5, i32)), "llm.c") == stored_ids);
  directory.write("d.idx", megatron_index(8, 6));
  CHECK(whole(directory.write("d.bin", u16), "megatron") == stored_ids);
  directory.write("e.idx", megatron_index(4, 12));
  CHECK(whole(directory.write("e.bin", i32), "megatron") == stored_ids);
  directory.write("f.idx", megatron_index(5, 24) + "\1\1");  // multimodal: a mode per sequence
  CHECK(whole(directory.write("f.bin", i64), "megatron") == stored_ids);
  auto npy = fuzz::npy_bytes("{'descr': '<u2', 'fortran_order': False, 'shape': (5,), }", 10);
  std::memcpy(npy.data() + npy.size() - 10, u16.data(), 10);
  CHECK(whole(directory.write("g.npy", npy), "npy") == stored_ids);
}

TEST_CASE("ids are read anywhere and held against the vocabulary", "[input][tokens]") {
  const TemporaryDirectory directory;
  const auto path = directory.write("a.bin", bytes_of<std::uint16_t>({1, 2, 3, 900, 4}));
  const auto stream = open_token_stream(path, "nanogpt", 800);
  REQUIRE(stream);
  std::vector<std::int64_t> ids(2);
  REQUIRE(stream->read(1, ids));
  CHECK(ids == std::vector<std::int64_t>{2, 3});
  const auto refused = stream->read(2, ids);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("token 3 is 900") != std::string::npos);
  const auto negative = open_token_stream(
      directory.write("b.npy",
                      fuzz::npy_bytes("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", 4)),
      "npy", 8);
  REQUIRE(negative);
  CHECK(open_token_stream(path, "gpt", 800).error().kind == Error::Kind::usage);
}

}  // namespace pastonly::input
