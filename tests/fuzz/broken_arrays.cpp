#include <fmt/format.h>

#include <cstring>

#include "fuzz/broken_case.h"

namespace pastonly::fuzz {

namespace {

std::string dictionary(std::string_view descr, std::string_view order, std::string_view shape) {
  return fmt::format("{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}", descr, order, shape);
}

std::string replaced(std::string bytes, std::size_t at, std::string_view with) {
  std::memcpy(bytes.data() + at, with.data(), with.size());
  return bytes;
}

constexpr std::string_view local_signature("PK\x03\x04", 4), central_signature("PK\x01\x02", 4);

/// A two-member archive that is well made, to be damaged: scores (8, 4) F32 deflated, mask (8, 4) U8.
std::string good_archive(bool deflate) {
  return zip_bytes({{"scores.npy", npy_bytes(dictionary("'<f4'", "False", "(8, 4)"), 128), deflate},
                    {"mask.npy", npy_bytes(dictionary("'|u1'", "False", "(8, 4)"), 32), deflate}});
}

/// Writes `value` at `offset` of the first central directory entry.
template <class T>
std::string in_directory(std::string bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + bytes.find(central_signature) + offset, &value, sizeof value);
  return bytes;
}

template <class T>
std::string in_both(std::string bytes, std::size_t local, std::size_t central, T value) {
  std::memcpy(bytes.data() + bytes.find(local_signature) + local, &value, sizeof value);
  return in_directory(std::move(bytes), central, value);
}

}  // namespace

std::vector<BrokenCase> broken_npy() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string bytes, std::vector<std::string> mentions) {
    cases.push_back(
        {"npy-" + name + ".npy", BrokenCase::Reader::trace, {{"", std::move(bytes)}}, std::move(mentions)});
  };
  const auto good = npy_bytes(dictionary("'<i4'", "False", "(4, 2)"), 32);
  add("empty", "", {"magic"});
  add("magic-only", good.substr(0, 6), {"magic"});
  add("wrong-magic", replaced(good, 1, "NUMPI"), {"magic"});
  add("format-4", replaced(good, 6, "\x04"), {"format 4.0"});
  add("header-past-end", good.substr(0, 40), {"past the end"});
  add("header-too-long", std::string("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12), {"too long"});
  add("format-2-cut", std::string("\x93NUMPY\x02\x00\x10\x00", 10), {"header"});
  add("object", npy_bytes(dictionary("'|O'", "False", "(4, 2)"), 64), {"|O", "objects"});
  add("structure", npy_bytes(dictionary("[('x', '<f4')]", "False", "(4, 2)"), 32), {"structure"});
  add("big-endian", npy_bytes(dictionary("'>f4'", "False", "(4, 2)"), 32),
      {">f4", "big-endian", "astype('<f4')"});
  add("void", npy_bytes(dictionary("'|V2'", "False", "(4, 2)"), 16), {"V2"});
  add("complex", npy_bytes(dictionary("'<c8'", "False", "(4, 2)"), 64), {"<c8"});
  add("data-short", good.substr(0, good.size() - 1), {"32", "31"});
  add("data-long", good + "x", {"32", "33"});
  add("shape-negative", npy_bytes(dictionary("'<i4'", "False", "(-4, 2)"), 32), {"shape"});
  add("shape-overflow", npy_bytes(dictionary("'<i4'", "False", "(4294967296, 4294967296)"), 32),
      {"too large"});
  add("shape-65-bits", npy_bytes(dictionary("'<i4'", "False", "(18446744073709551616,)"), 32), {"shape"});
  add("shape-no-tuple", npy_bytes(dictionary("'<i4'", "False", "(8)"), 32), {"shape"});
  add("shape-text", npy_bytes(dictionary("'<i4'", "False", "'8'"), 32), {"shape"});
  add("order-number", npy_bytes(dictionary("'<i4'", "0", "(4, 2)"), 32), {"fortran_order"});
  add("key-twice", npy_bytes("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (8,)}", 32),
      {"descr", "twice"});
  add("key-unknown", npy_bytes("{'descr': '<i4', 'order': 'C', 'fortran_order': False, 'shape': (8,)}", 32),
      {"order"});
  add("key-missing", npy_bytes("{'descr': '<i4', 'shape': (8,)}", 32), {"fortran_order"});
  add("no-dictionary", npy_bytes("('<i4', False, (8,))", 32), {"dictionary"});
  add("after-dictionary", npy_bytes(dictionary("'<i4'", "False", "(8,)") + "#", 32), {"continues after"});
  add("unclosed-string", npy_bytes("{'descr: 1", 0), {"dictionary"});
  add("experts-empty", npy_bytes(dictionary("'<i4'", "False", "(0, 2, 2)"), 0), {"empty"});
  return cases;
}

std::vector<BrokenCase> broken_npz() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string bytes, std::vector<std::string> mentions) {
    cases.push_back(
        {"npz-" + name + ".npz", BrokenCase::Reader::mapped, {{"", std::move(bytes)}}, std::move(mentions)});
  };
  const std::string packed = good_archive(true), stored = good_archive(false);
  const std::string mask = npy_bytes(dictionary("'|u1'", "False", "(8, 4)"), 32);
  add("empty", "", {"zip"});
  add("no-archive", "this is no archive, but it is long enough to look like one at first", {"zip"});
  add("no-directory", packed.substr(0, packed.size() - 40), {"zip"});
  add("cut-in-half", packed.substr(packed.size() / 2), {});
  // Offsets: APPNOTE.TXT 4.3.7 and 4.3.12. Sizes at 18 and 22 of a local header, 20 and 24 of the directory.
  add("bomb", in_both(packed, 22, 24, std::uint32_t{0xfffffff0}), {"'scores'"});
  add("declares-less", in_both(packed, 22, 24, std::uint32_t{64}), {"'scores'"});
  add("declares-more", in_both(packed, 22, 24, std::uint32_t{4096}), {"'scores'"});
  add("wrong-checksum", in_both(packed, 14, 16, std::uint32_t{0x12345678}), {"'scores'"});
  add("unknown-method", in_both(packed, 8, 10, std::uint16_t{93}), {"'scores'", "93"});
  add("encrypted", in_both(packed, 6, 8, std::uint16_t{1}), {"'scores'", "encrypted"});
  add("broken-stream", replaced(packed, packed.find("scores.npy") + 10, "\xff\xff\xff\xff"), {"'scores'"});
  add("member-is-no-array", zip_bytes({{"scores.npy", "no array at all", false}, {"mask.npy", mask, false}}),
      {"'scores'", "magic"});
  add("object-member",
      zip_bytes({{"scores.npy", npy_bytes(dictionary("'|O'", "False", "(2,)"), 16), false},
                 {"mask.npy", mask, false}}),
      {"'scores'", "|O"});
  add("lacks-an-array", zip_bytes({{"mask.npy", mask, false}}), {"'scores'", "--map"});
  cases.back().kind = Error::Kind::usage;
  add("other-length",
      zip_bytes({{"scores.npy", npy_bytes(dictionary("'<f4'", "False", "(9, 4)"), 144), true},
                 {"mask.npy", mask, true}}),
      {"mask"});
  add("stored-data-cut",
      in_both(in_both(stored, 18, 20, std::uint32_t{0x7ffffff0}), 22, 24, std::uint32_t{0x7ffffff0}), {});
  return cases;
}

}  // namespace pastonly::fuzz
