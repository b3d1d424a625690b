#include "lab/corpus.h"

#include <fmt/format.h>

#include "stats/random.h"

namespace pastonly::lab {
namespace {

/// Where the evaluation part begins.
std::size_t border(std::size_t tokens) { return tokens / 10 * 9; }

}  // namespace

Expected<Corpus> Corpus::open(const Tokens& tokens, std::size_t positions) {
  Corpus corpus;
  if (tokens.source) {
    auto source = stats::TokenSource::make(*tokens.source);
    if (!source) return tl::unexpected(source.error());
    corpus.source_ = *std::move(source);
    return corpus;
  }
  auto stream = input::open_token_stream(tokens.file, tokens.format, tokens.vocab);
  if (!stream) return tl::unexpected(stream.error());
  if (stream->size() / 10 < positions) {
    return input_error(fmt::format("{}: {} tokens are too few for rows of {}: ten rows at least", tokens.file,
                                   stream->size(), positions));
  }
  corpus.stream_ = *std::move(stream);
  return corpus;
}

Expected<void> Corpus::draw(Part part, std::uint64_t seed, const Layout& layout,
                            std::vector<std::int64_t>& out) const {
  if (source_) {
    source_->draw(seed, layout.sequences, layout.positions, out);
    return {};
  }
  const std::size_t middle = border(stream_->size());
  const std::size_t first = part == Part::training ? 0 : middle;
  const std::size_t last = part == Part::training ? middle : stream_->size();
  out.resize(layout.tokens());
  stats::CounterRng rng(seed);
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    const std::size_t at = first + rng.below(last - first - layout.positions + 1);
    const auto to = std::span(out).subspan(row * layout.positions, layout.positions);
    if (auto read = stream_->read(at, to); !read) return read;
  }
  return {};
}

}  // namespace pastonly::lab
