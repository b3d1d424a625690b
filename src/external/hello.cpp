#include "external/hello.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/text/object_reader.h"

namespace pastonly::external {
namespace {

constexpr std::size_t most_layers = 8192, most_remarks = 100, longest_name = 200;

}  // namespace

Expected<Hello> parse_hello(std::string_view line, std::string_view program) {
  const std::string name = fmt::format("{}: hello", program);
  const auto json = input::parse_json(line, name, Error::Kind::input);
  if (!json) return tl::unexpected(json.error());
  input::ObjectReader reader(*json, name);
  if (reader.text("type", std::nullopt) != "hello") reader.wrong("type", "hello, as the first line");
  reader.count("v", std::nullopt, 1, 1);
  constexpr std::size_t most = std::size_t{1} << 31;
  Hello out;
  out.vocab = reader.count("vocab", std::nullopt, 2, most);
  const auto layers = reader.counts("layers");
  if (layers.size() > most_layers) reader.reject("layers", fmt::format("more than {} layers", most_layers));
  for (const std::size_t layer : layers) {
    if (layer > 1U << 20) reader.reject("layers", "layer numbers are below 1,048,577");
    out.layers.push_back(static_cast<std::uint32_t>(layer));
  }
  for (const std::size_t id : reader.counts("special")) {
    if (id >= out.vocab)
      reader.reject("special", fmt::format("token {} of a vocabulary of {}", id, out.vocab));
    out.special.push_back(static_cast<std::int64_t>(id));
  }
  const auto limit = [&](const char* key, std::optional<std::size_t>& value, std::size_t least) {
    if (reader.has(key)) value = reader.count(key, std::nullopt, least, most);
  };
  limit("max_batch", out.max_batch, 1);
  limit("max_positions", out.max_positions, 2);
  limit("max_tokens", out.max_tokens, 2);
  out.noisy = reader.flag("noisy", false);
  out.streams = reader.flag("streams", false);
  out.name = reader.text("name", "");
  if (out.name.size() > longest_name)
    reader.reject("name", fmt::format("longer than {} bytes", longest_name));
  if (const auto* remarks = reader.find("remarks"); remarks != nullptr) {
    if (!remarks->is_array() || remarks->size() > most_remarks)
      reader.reject("remarks", fmt::format("expected a list of at most {}", most_remarks));
    for (std::size_t i = 0; remarks->is_array() && i < std::min(remarks->size(), most_remarks); ++i) {
      input::ObjectReader remark((*remarks)[i], name, fmt::format("remarks[{}].", i));
      out.remarks.push_back({remark.text("id", std::nullopt), remark.text("message", std::nullopt)});
      reader.adopt(remark);
    }
  }
  if (auto read = reader.finish(); !read) return tl::unexpected(read.error());
  return out;
}

}  // namespace pastonly::external
