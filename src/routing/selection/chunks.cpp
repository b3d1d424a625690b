#include "routing/selection/chunks.h"

#include <algorithm>
#include <cmath>

#include "routing/dependence.h"

namespace pastonly::routing {

std::size_t ChunkOptions::slots(std::size_t tokens, std::size_t experts) const noexcept {
  if (experts == 0 || tokens == 0) return 0;
  if (capacity) return std::min(capacity->of(tokens, experts, k), tokens);
  // k may be a ratio such as 1.1: what is a whole number but for its rounding counts as one.
  const double share = k * static_cast<double>(tokens) / static_cast<double>(experts);
  const double floor = std::floor(share * (1.0 + 1e-12));
  return static_cast<std::size_t>(std::clamp(floor, 1.0, static_cast<double>(tokens)));
}

bool ChunkOptions::contested(std::size_t tokens, std::size_t experts) const noexcept {
  const std::size_t taken = slots(tokens, experts);
  return taken > 0 && taken < tokens;
}

std::size_t ChunkOptions::chunk_of(std::size_t tokens) const noexcept {
  return chunk == 0 ? tokens : std::min(chunk, tokens);
}

Parameters ChunkOptions::write() const {
  Parameters parameters;
  if (!capacity || !capacity->literal) {
    const bool whole = k == std::floor(k) && k < 0x1.0p53;
    if (whole) {
      parameters.emplace_back("k", static_cast<std::int64_t>(k));
    } else {
      parameters.emplace_back("k", k);
    }
  }
  if (capacity) capacity->write(parameters);
  if (chunk != 0) parameters.emplace_back("chunk", chunk);
  grouping.write(parameters);
  return parameters;
}

ChunkOptions read_chunks(ParameterReader& reader, bool per_sequence, bool documents) {
  ChunkOptions options;
  const bool by_capacity = reader.has("capacity") || reader.has("capacity_factor") ||
                           reader.has("capacity_formula") || reader.has("min_capacity");
  if (reader.has("capacity") && reader.has("k")) {
    reader.reject("'capacity' is the number of tokens per expert and chunk itself: it excludes k");
  }
  // Formulas that count choices see one per token unless k says otherwise.
  options.k = reader.positive("k", by_capacity ? std::optional(1.0) : std::nullopt);
  if (by_capacity) options.capacity = read_capacity(reader);
  options.chunk = reader.count("chunk", 0);
  options.grouping = read_grouping(reader, per_sequence, documents);
  return options;
}

namespace {

/// Whether some chunk of that size or of the remainder leaves tokens out.
struct Borders {
  std::size_t size = 0, rest = 0;
  bool full = false, last = false;
};

Borders borders(std::size_t tokens, std::size_t experts, const ChunkOptions& options) {
  const std::size_t size = options.chunk_of(tokens);
  const std::size_t rest = tokens % size;
  return {size, rest, options.contested(size, experts), rest > 0 && options.contested(rest, experts)};
}

bool grows(const Layout& layout, std::size_t experts, const ChunkOptions& options) {
  const std::size_t size = options.chunk;
  if (size == 0) {
    return any_append(layout, [&](const Layout& longer) {
      return options.contested(longer.tokens(), experts) ||
             options.slots(layout.tokens(), experts) !=
                 std::min(options.slots(longer.tokens(), experts), layout.tokens());
    });
  }
  const bool rows_follow = layout.sequences > 1 && layout.order == TokenOrder::batch_major;
  const std::size_t unit = rows_follow ? layout.positions : layout.tokens();
  if (unit % size == 0) return false;
  // The last chunk fills up (or, with several rows, later chunks move) to any size up to the full one.
  for (std::size_t grown = rows_follow ? 1 : unit % size; grown <= size; ++grown) {
    if (options.contested(grown, experts)) return true;
  }
  return false;
}

}  // namespace

Dependence chunked_dependence(const Layout& layout, std::size_t experts, const ChunkOptions& options) {
  const std::size_t tokens = layout.tokens();
  const Borders chunks = borders(tokens, experts, options);
  const bool batch_major = layout.order == TokenOrder::batch_major;
  // Two tokens of one sequence lie next to each other, or one time step apart.
  const std::size_t stride = batch_major ? 1 : layout.sequences;
  Dependence dependence;
  dependence.future = (chunks.full && chunks.size > stride) || (chunks.last && chunks.rest > stride);
  dependence.length = grows(layout, experts, options);
  if (layout.sequences == 1 || !(chunks.full || chunks.last)) return dependence;
  const bool within_rows = batch_major && layout.positions % chunks.size == 0;
  const bool whole_steps = !batch_major && chunks.size % layout.sequences == 0;
  dependence.batch = !within_rows && (chunks.size > 1 || chunks.rest > 1);
  dependence.order = dependence.batch && chunks.size < tokens && !whole_steps;
  return dependence;
}

}  // namespace pastonly::routing
