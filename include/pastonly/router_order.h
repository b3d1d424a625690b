#pragma once

#include <cstddef>

#include "pastonly/layout.h"

namespace pastonly {

/// Calls move(token, router_index) for each token of a batch.
template <class Move>
void for_each_router_index(const Layout& layout, Move move) {
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    for (std::size_t position = 0; position < layout.positions; ++position)
      move(layout.token(row, position), layout.router_index(row, position));
  }
}

/// Copies rows of `columns` values from batch-major order to the router's.
template <class From, class To>
void to_router_order(const Layout& layout, std::size_t columns, const From* from, To* to) {
  for_each_router_index(layout, [&](std::size_t token, std::size_t index) {
    for (std::size_t c = 0; c < columns; ++c)
      to[index * columns + c] = static_cast<To>(from[token * columns + c]);
  });
}

/// And back.
template <class From, class To>
void from_router_order(const Layout& layout, std::size_t columns, const From* from, To* to) {
  for_each_router_index(layout, [&](std::size_t token, std::size_t index) {
    for (std::size_t c = 0; c < columns; ++c)
      to[token * columns + c] = static_cast<To>(from[index * columns + c]);
  });
}

}  // namespace pastonly
