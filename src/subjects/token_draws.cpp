#include "subjects/token_draws.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "stats/random.h"
#include "stats/token_source.h"

namespace pastonly::subjects {

Expected<DrawTokens> draws_from(const Source& source) {
  auto made = stats::TokenSource::make(source);
  if (!made) return tl::unexpected(made.error());
  const auto shared = std::make_shared<const stats::TokenSource>(*std::move(made));
  return [shared](std::uint64_t seed, std::size_t sequences, std::size_t positions) {
    std::vector<std::int64_t> ids;
    shared->draw(seed, sequences, positions, ids);
    return ids;
  };
}

Expected<DrawTokens> draws_from(const std::filesystem::path& path, std::string_view format, std::size_t vocab,
                                std::size_t positions) {
  auto opened = input::open_token_stream(path, format, vocab);
  if (!opened) return tl::unexpected(opened.error());
  return draws_from(*std::move(opened), path.string(), positions);
}

Expected<DrawTokens> draws_from(input::TokenStream opened, const std::string& name, std::size_t positions) {
  const auto stream = std::make_shared<const input::TokenStream>(std::move(opened));
  if (stream->size() / 10 < positions) {
    return input_error(fmt::format("{}: {} tokens are too few for rows of {}: ten rows at least", name,
                                   stream->size(), positions));
  }
  std::vector<std::int64_t> block(std::size_t{1} << 16);
  for (std::size_t first = 0; first < stream->size(); first += block.size()) {
    const auto part = std::span(block).first(std::min(block.size(), stream->size() - first));
    if (auto read = stream->read(first, part); !read) return tl::unexpected(read.error());
  }
  return [stream](std::uint64_t seed, std::size_t sequences, std::size_t length) {
    std::vector<std::int64_t> ids(sequences * length);
    stats::CounterRng rng(seed);
    for (std::size_t row = 0; row < sequences; ++row) {
      const std::size_t at = rng.below(stream->size() - length + 1);
      // A file that changes meanwhile leaves an array of the wrong size, which the subject refuses.
      if (!stream->read(at, std::span(ids).subspan(row * length, length))) ids.clear();
      if (ids.empty()) break;
    }
    return ids;
  };
}

}  // namespace pastonly::subjects
