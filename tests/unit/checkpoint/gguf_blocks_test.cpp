#include "checkpoint/gguf_blocks.h"

#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "catch.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t blocks = 512;

/// As tests/torch/gguf_blocks.py draws them, which printed the hashes below.
std::vector<std::byte> drawn(std::size_t count) {
  std::vector<std::byte> out;
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    out.push_back(static_cast<std::byte>(state >> 56));
  }
  return out;
}

/// FNV-1a of the bits; every NaN counts as the same.
std::uint64_t hashed(const std::vector<float>& values) {
  std::uint64_t out = 14695981039346656037u;
  for (const float value : values) {
    const auto bits = std::isnan(value) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) out = (out ^ (bits >> shift & 255)) * 1099511628211u;
  }
  return out;
}

struct GoldenBlocks {
  std::string_view name;
  std::uint64_t hash;
};
constexpr auto golden_blocks = std::to_array<GoldenBlocks>({
    {"Q4_0", 0xEED445B0F4495286u},
    {"Q4_1", 0xA64404D890F94B52u},
    {"Q5_0", 0x8A4DF340B33C4C92u},
    {"Q5_1", 0x41250C891CD52C12u},
    {"Q8_0", 0xBA5DEEA2764BEC6Eu},
    {"Q2_K", 0x5BA1F3F5869C95ACu},
    {"Q3_K", 0xA2B5526CBFCE6865u},
    {"Q4_K", 0xB76E72798F87EED7u},
    {"Q5_K", 0xB3B27C1ED736294Bu},
    {"Q6_K", 0xE4A719D5D1AB2F10u},
    {"IQ4_NL", 0xC98902416B061602u},
    {"IQ4_XS", 0x585BEA702708F367u},
    {"MXFP4", 0xAE4507568A874A31u},
});

}  // namespace

TEST_CASE("random GGUF blocks are what gguf.quants makes of them, to the last bit", "[checkpoint][gguf]") {
  for (const GoldenBlocks& one : golden_blocks) {
    CAPTURE(one.name);
    const BlockType* type = find_block_type(one.name);
    REQUIRE(type != nullptr);
    REQUIRE(type->decode != nullptr);
    std::vector<float> values(blocks * type->numbers);
    type->decode(drawn(blocks * type->bytes).data(), blocks, values.data());
    CHECK(hashed(values) == one.hash);
  }
}

TEST_CASE("every type of blocks has a golden hash, and a name and number of its own", "[checkpoint][gguf]") {
  std::size_t decoded = 0;
  for (const BlockType& type : block_types()) {
    CHECK(find_block_type(type.id) == &type);
    CHECK(find_block_type(type.name) == &type);
    decoded += type.decode != nullptr ? 1 : 0;
  }
  CHECK(decoded == golden_blocks.size());
  CHECK(find_block_type(std::uint32_t{4}) == nullptr);  // Q4_2, given up
}

TEST_CASE("a block of Q8_0 and one of Q4_K by hand", "[checkpoint][gguf]") {
  std::vector<std::byte> q8(34);
  q8[1] = std::byte{0x38};  // 0.5
  q8[2] = std::byte{0xFF};  // -1
  q8[33] = std::byte{127};
  std::vector<float> out(256);
  find_block_type("Q8_0")->decode(q8.data(), 1, out.data());
  CHECK(out[0] == -0.5F);
  CHECK(out[1] == 0.0F);
  CHECK(out[31] == 63.5F);
  std::vector<std::byte> q4(144);
  q4[1] = std::byte{0x3C};   // scale 1
  q4[3] = std::byte{0x40};   // minimum 2
  q4[4] = std::byte{3};      // scale of the first 32
  q4[8] = std::byte{5};      // and their minimum
  q4[16] = std::byte{0xF7};  // 7 of the first 32, 15 of the second
  find_block_type("Q4_K")->decode(q4.data(), 1, out.data());
  CHECK(out[0] == 3.0F * 7.0F - 2.0F * 5.0F);
  CHECK(out[1] == -10.0F);
  CHECK(out[32] == 0.0F);
}

}  // namespace pastonly::checkpoint
