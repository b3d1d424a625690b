#include "checkpoint/gguf.h"

#include <limits>

#include "unit/checkpoint/broken.h"
#include "unit/checkpoint/gguf_bytes.h"

namespace pastonly::checkpoint {
namespace {

using Bytes = GgufBytes;

GgufBytes sound() {
  GgufBytes out;
  out.said("general.architecture", "olmoe").count("olmoe.block_count", 2);
  out.key("flags", Bytes::array,
          Bytes::raw<std::uint32_t>(Bytes::boolean) + Bytes::raw<std::uint64_t>(2) + std::string("\1\0", 2));
  out.key("signed", Bytes::i64, Bytes::raw<std::int64_t>(-3));
  out.tensor({"a", {3, 2}, 0, std::string(24, 'x')}).tensor({"b", {64}, 8, std::string(68, 'y')});
  return out;
}

Expected<GgufFile> parsed(const std::string& bytes) {
  return parse_gguf(std::as_bytes(std::span(bytes)), "model.gguf");
}

std::string refusal(const std::string& bytes) {
  const auto file = parsed(bytes);
  if (file) return "";
  CHECK(file.error().kind == Error::Kind::input);
  return file.error().message;
}

void refused(const GgufBytes& bytes, std::initializer_list<std::string_view> parts) {
  check_says(refusal(bytes.bytes()), parts);
}

}  // namespace

TEST_CASE("a GGUF file gives its keys and tensors", "[checkpoint][gguf]") {
  for (const std::uint32_t version : {2u, 3u}) {
    GgufBytes bytes = sound();
    bytes.version = version;
    const std::string text = bytes.bytes();
    const auto file = parsed(text);
    REQUIRE(file);
    CHECK(file->metadata.dump() ==
          R"({"flags":[true,false],"general.architecture":"olmoe","olmoe.block_count":2,"signed":-3})");
    REQUIRE(file->tensors.size() == 2);
    CHECK(file->tensors[0].shape == std::vector<std::size_t>{2, 3});
    CHECK(file->tensors[0].bytes.size() == 24);
    CHECK(file->tensors[1].type->name == "Q8_0");
    CHECK(file->tensors[1].bytes.size() == 68);
    CHECK(file->tensors[1].bytes.front() == std::byte{'y'});
  }
}

TEST_CASE("a GGUF file that is cut off anywhere is refused", "[checkpoint][gguf]") {
  const std::string whole = sound().bytes();
  const std::size_t data = whole.find('y') + 68;
  for (std::size_t size = 0; size < data; ++size) {
    const std::string message = refusal(whole.substr(0, size));
    INFO(size << " bytes: " << message);
    CHECK(message.starts_with("model.gguf: "));
  }
  CHECK(refusal(whole.substr(0, data)).empty());  // the padding at the end says nothing
}

TEST_CASE("GGUF headers that nobody can read are refused by name", "[checkpoint][gguf]") {
  GgufBytes bytes = sound();
  SECTION("another file") {
    bytes.magic = 0x46554748;
    refused(bytes, {"GGUF"});
  }
  SECTION("versions") {
    bytes.version = 1;
    refused(bytes, {"version 1"});
    bytes.version = 4;
    refused(bytes, {"version 4"});
    bytes.version = 3u << 24;
    refused(bytes, {"big-endian"});
  }
  SECTION("counts beyond the file") {
    for (const std::uint64_t more :
         {std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max() - 8, std::uint64_t{1000}}) {
      bytes.more_tensors = more;
      refused(bytes, {"tensors, more than"});
      bytes.more_tensors = 0;
      bytes.more_keys = more;
      refused(bytes, {"keys, more than"});
      bytes.more_keys = 0;
    }
  }
  SECTION("one key or tensor too many") {
    bytes.more_keys = 1;
    CHECK_FALSE(refusal(bytes.bytes()).empty());
    bytes.more_keys = 0;
    bytes.more_tensors = 1;
    CHECK_FALSE(refusal(bytes.bytes()).empty());
  }
  SECTION("nothing at all") { refused(GgufBytes(), {"neither keys nor tensors"}); }
}

TEST_CASE("GGUF keys that are broken are refused", "[checkpoint][gguf]") {
  GgufBytes bytes = sound();
  SECTION("twice") { refused(bytes.count("olmoe.block_count", 3), {"olmoe.block_count", "twice"}); }
  SECTION("no name, or one with control characters") {
    refused(bytes.count("a\nb", 1), {"'a?b'", "printable"});
    refused(sound().count("", 1), {"key 4", "printable"});
  }
  SECTION("of no type") {
    refused(bytes.key("x", 13, "abcd"), {"'x'", "13 is no type"});
    refused(sound().key("x", Bytes::array, Bytes::raw(99u) + Bytes::raw<std::uint64_t>(0)),
            {"99 is no type"});
  }
  SECTION("arrays of arrays") {
    refused(bytes.key("x", Bytes::array,
                      Bytes::raw<std::uint32_t>(Bytes::array) + Bytes::raw<std::uint64_t>(1) + "......"),
            {"'x'", "arrays of arrays"});
  }
  SECTION("arrays and text that are longer than the file") {
    for (const std::uint64_t size : {std::uint64_t{1} << 63, ~std::uint64_t{0}, std::uint64_t{1} << 20}) {
      for (const std::uint32_t type : {Bytes::u8, Bytes::text, Bytes::f64})
        refused(sound().key("x", Bytes::array, Bytes::raw(type) + Bytes::raw(size)),
                {"'x'", "more than its"});
      refused(sound().key("x", Bytes::text, Bytes::raw(size) + "abc"), {"ends in the value of 'x'"});
    }
  }
  SECTION("no boolean, no number") {
    refused(bytes.key("x", Bytes::boolean, "\2"), {"'x'", "boolean"});
    refused(sound().number("x", std::numeric_limits<float>::infinity()), {"'x'", "finite"});
    refused(sound().key("x", Bytes::f64, Bytes::raw(std::nan(""))), {"'x'", "finite"});
  }
  SECTION("alignments") {
    for (const std::uint32_t unit : {0u, 24u, 1u << 30})
      refused(sound().count("general.alignment", unit), {"general.alignment", "power of two"});
    refused(sound().said("general.alignment", "32"), {"general.alignment", "power of two"});
    GgufBytes other = sound();
    other.alignment = 64;
    CHECK(refusal(other.count("general.alignment", 64).bytes()).empty());
    other.alignment = 32;
    refused(other, {"'b'", "no multiple of the alignment 64"});
  }
}

TEST_CASE("GGUF tensors that are broken are refused", "[checkpoint][gguf]") {
  GgufBytes bytes = sound();
  auto& tensor = bytes.tensors()[1];
  SECTION("twice") {
    tensor.name = "a";
    refused(bytes, {"'a'", "twice"});
  }
  SECTION("names") {
    tensor.name = "a\x1b[31m";
    refused(bytes, {"tensor 1", "printable"});
    tensor.name = "";
    refused(bytes, {"tensor 1", "printable"});
  }
  SECTION("dimensions") {
    tensor.sizes = {64, 0};
    refused(bytes, {"'b'", "a dimension is 0"});
    tensor.sizes = {std::uint64_t{1} << 33, std::uint64_t{1} << 33};
    refused(bytes, {"'b'", "too large"});
    tensor.sizes = {~std::uint64_t{0}};
    refused(bytes, {"'b'", "too large"});
    tensor.sizes = {std::uint64_t{1} << 47};
    refused(bytes, {"'b'", "cut off"});
    tensor.sizes = {32, 1, 1, 1, 1};
    refused(bytes, {"'b'", "5 dimensions"});
    tensor.sizes = {};
    refused(bytes, {"'b'", "0 dimensions"});
    tensor.sizes = {64};
    tensor.dimensions = 0x80000000;
    refused(bytes, {"'b'", "dimensions; expected 1 to 4"});
  }
  SECTION("rows of no whole blocks") {
    tensor.sizes = {48};
    refused(bytes, {"'b'", "48", "blocks of 32 (Q8_0)"});
  }
  SECTION("types") {
    for (const std::uint32_t type : {4u, 31u, 1000u, ~0u}) {
      tensor.type = type;
      refused(bytes, {"'b'", "is not known"});
    }
  }
  SECTION("offsets") {
    tensor.shift = 32;
    refused(bytes, {"'b'", "cut off"});
    tensor.shift = -32;
    refused(bytes, {"overlaps"});
    tensor.shift = 8;
    refused(bytes, {"'b'", "alignment"});
    tensor.shift = std::numeric_limits<std::int64_t>::min();
    refused(bytes, {"'b'", "cut off"});
    tensor.shift = -64;
    refused(bytes, {"'b'", "cut off"});
  }
}

}  // namespace pastonly::checkpoint
