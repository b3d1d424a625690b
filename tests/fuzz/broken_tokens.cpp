#include <cstdint>
#include <cstring>

#include "fuzz/broken_case.h"

namespace pastonly::fuzz {

namespace {

template <class T>
std::string packed(std::initializer_list<T> values) {
  std::string out(values.size() * sizeof(T), '\0');
  std::memcpy(out.data(), values.begin(), out.size());
  return out;
}

std::string llm_c_bytes(std::int32_t magic, std::int32_t version, std::int32_t count, std::size_t data) {
  std::string bytes = packed<std::int32_t>({magic, version, count});
  bytes.resize(1024 + data);
  return bytes;
}

/// An index of sequences in one document; lengths and pointers as given.
std::string index_bytes(std::uint64_t version, char code, std::uint64_t sequences, std::uint64_t documents,
                        std::initializer_list<std::int32_t> lengths,
                        std::initializer_list<std::int64_t> pointers) {
  return std::string("MMIDIDX\0\0", 9) + packed<std::uint64_t>({version}) + std::string(1, code) +
         packed<std::uint64_t>({sequences, documents}) + packed(lengths) + packed(pointers) +
         packed<std::int64_t>({0, 2});
}

}  // namespace

std::vector<BrokenCase> broken_token_streams() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string format, std::string bytes,
                       std::vector<std::string> mentions) {
    cases.push_back({"tokens-" + name,
                     BrokenCase::Reader::tokens,
                     {{"", std::move(bytes)}},
                     std::move(mentions),
                     Error::Kind::input,
                     std::move(format)});
  };
  add("empty.txt", "bytes", "", {"no tokens"});
  add("odd.bin", "nanogpt", "abc", {"3 bytes", "U16"});
  add("id.bin", "nanogpt", packed<std::uint16_t>({1, 2000}), {"token 1 is 2000", "0 to 999"});
  add("short.bin", "llm.c", "abc", {"header"});
  add("magic.bin", "llm.c", llm_c_bytes(20240326, 1, 2, 4), {"20240326", "20240520"});
  add("version.bin", "llm.c", llm_c_bytes(20240520, 7, 2, 4), {"version 7"});
  add("count.bin", "llm.c", llm_c_bytes(20240520, 1, 3, 4), {"3 tokens", "4 bytes"});
  add("negative.bin", "llm.c", llm_c_bytes(20240520, 1, -1, 4), {"-1 tokens"});
  add("wide.bin", "llm.c", llm_c_bytes(20240801, 7, 2, 4), {"2 tokens of 4 bytes"});
  add("dimensions.npy", "npy", npy_bytes("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }", 16),
      {"one dimension", "shape (2, 2) of I32", "reshape(-1)"});
  add("floats.npy", "npy", npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 16),
      {"integers", "F32"});
  const auto megatron = [&](std::string name, std::string index, std::vector<std::string> mentions) {
    const std::string folder = "tokens-megatron-" + name;
    cases.push_back({folder,
                     BrokenCase::Reader::tokens,
                     {{"data.bin", std::string(10, '\0')}},
                     std::move(mentions),
                     Error::Kind::input,
                     "megatron"});
    if (!index.empty()) cases.back().files.emplace_back("data.idx", std::move(index));
  };
  megatron("no-index", "", {"data.idx"});
  megatron("magic", std::string(64, 'x'), {"MMIDIDX"});
  megatron("short", std::string("MMIDIDX\0\0", 9), {"MMIDIDX"});
  megatron("version", index_bytes(2, 8, 2, 2, {3, 2}, {0, 6}), {"version 2"});
  megatron("floats", index_bytes(1, 7, 2, 2, {3, 2}, {0, 6}), {"type code 7"});
  megatron("counts", index_bytes(1, 8, std::uint64_t{1} << 61, 2, {3, 2}, {0, 6}), {"do not fit"});
  megatron("documents", index_bytes(1, 8, 2, std::uint64_t{1} << 63, {3, 2}, {0, 6}), {"do not fit"});
  megatron("negative", index_bytes(1, 8, 2, 2, {3, -2}, {0, 6}), {"length -2"});
  megatron("gap", index_bytes(1, 8, 2, 2, {3, 2}, {0, 8}), {"byte 8", "expected 6"});
  megatron("pointer", index_bytes(1, 8, 2, 2, {3, 2}, {-2, 6}), {"byte -2"});
  megatron("past-end", index_bytes(1, 8, 2, 2, {3, 3}, {0, 6}), {"byte 12", "10"});
  megatron("data-left", index_bytes(1, 8, 2, 2, {3, 1}, {0, 6}), {"byte 8", "10"});
  return cases;
}

}  // namespace pastonly::fuzz
