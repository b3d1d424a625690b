#pragma once

#include <cstddef>
#include <optional>

#include "pastonly/layout.h"
#include "routing/selection/capacity.h"
#include "routing/selection/group.h"

namespace pastonly::routing {

/// What rules by which experts choose tokens are told: the chunk and the tokens per expert in it.
struct ChunkOptions {
  double k = 1.0;                    ///< experts per token on average; C = max(1, floor(k w / N))
  std::optional<Capacity> capacity;  ///< instead of that
  std::size_t chunk = 0;             ///< tokens per chunk; 0 = all that are routed together
  GroupingOptions grouping;

  /// C for a chunk of `tokens`, at most `tokens`.
  std::size_t slots(std::size_t tokens, std::size_t experts) const noexcept;
  /// Whether an expert leaves tokens out of a chunk of that size.
  bool contested(std::size_t tokens, std::size_t experts) const noexcept;
  /// The chunk's size within a group of `tokens`; the last one may be smaller.
  std::size_t chunk_of(std::size_t tokens) const noexcept;
  /// The keys k or capacity..., chunk, scope, order.
  Parameters write() const;
};
ChunkOptions read_chunks(ParameterReader& reader, bool per_sequence = false, bool documents = false);

/// The dependence of a rule whose tokens compete inside chunks and see all of them. With a chunk that
/// divides the row, `length` speaks of appended whole chunks: any other number of tokens appended to
/// several flattened rows moves the borders.
Dependence chunked_dependence(const Layout& layout, std::size_t experts, const ChunkOptions& options);

}  // namespace pastonly::routing
