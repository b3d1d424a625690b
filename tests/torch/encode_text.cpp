// Encodes texts with a tokenizer.json: pastonly_encode_text TOKENIZER < texts > ids. Each text is its length
// in bytes as uint32 and its bytes, each answer the number of its ids and these as int32, all little-endian.
// pastonly_encode_text TOKENIZER FILE prints the processor time of one text instead, as JSON.
#include <fmt/format.h>

#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "input/tokenizer/tokenizer.h"

namespace {

std::string all_of(std::istream& stream) { return {std::istreambuf_iterator<char>(stream), {}}; }

int fail(const pastonly::Error& error) {
  std::cerr << error.message << '\n';
  return 2;
}

int time_one(pastonly::input::Tokenizer& tokenizer, const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text = all_of(file);
  const std::clock_t start = std::clock();
  const auto ids = tokenizer.encode(text, path);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  if (!ids) return fail(ids.error());
  fmt::print("{{\"bytes\": {}, \"tokens\": {}, \"seconds\": {}}}\n", text.size(), ids->size(), seconds);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 4;
  auto tokenizer = pastonly::input::Tokenizer::open(arguments[1]);
  if (!tokenizer) return fail(tokenizer.error());
  if (count > 2) return time_one(*tokenizer, arguments[2]);
  const std::string frames = all_of(std::cin);
  for (std::size_t at = 0; at + sizeof(std::uint32_t) <= frames.size();) {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, frames.data() + at, sizeof bytes);
    at += sizeof bytes;
    const auto ids = tokenizer->encode(std::string_view(frames).substr(at, bytes), "text");
    if (!ids) return fail(ids.error());
    at += bytes;
    const auto tokens = static_cast<std::uint32_t>(ids->size());
    std::cout.write(reinterpret_cast<const char*>(&tokens), sizeof tokens);
    std::cout.write(reinterpret_cast<const char*>(ids->data()),
                    static_cast<std::streamsize>(sizeof(std::int32_t) * tokens));
  }
  return std::cout.flush().good() ? 0 : 1;
}
