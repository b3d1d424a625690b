#include "routing/column_top.h"

#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <limits>

#include "routing/order_key.h"
#include "stats/parallel.h"

namespace pastonly::routing {

namespace {

/// One cache line of float32 scores: columns are transposed that many at a time.
constexpr std::size_t block_columns = 16;
/// Below that many scores a second thread costs more than it brings.
constexpr std::size_t parallel_scores = std::size_t{1} << 16;

/// Distance between two columns of a block. Not a power of two, or the columns of a block would share
/// the cache's sets.
std::size_t column_stride(std::size_t tokens) noexcept { return tokens + block_columns; }

std::uint32_t count_above(std::span<const std::uint32_t> keys, std::uint32_t threshold) noexcept {
  std::uint32_t above = 0;
  for (const auto key : keys) above += key > threshold ? 1U : 0U;
  return above;
}

/// A threshold for one column: keys above it are among the largest, and of those equal to `tied` the
/// first `ties` are as well.
struct Parting {
  std::uint32_t threshold = 0;
  std::uint32_t tied = excluded_key;
  std::size_t ties = 0;
};

/// Requires 1 <= count <= number of keys that are not excluded.
Parting part(std::span<const std::uint32_t> keys, std::uint32_t count) noexcept {
  std::uint32_t low = std::numeric_limits<std::uint32_t>::max(), high = 0;
  for (const auto key : keys) {
    // Excluded keys wrap around to the top and leave the minimum alone.
    low = std::min(low, key - 1U);
    high = std::max(high, key);
  }
  if (count_above(keys, low) == count) return {.threshold = low};
  // More than `count` keys lie above low, fewer above high.
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    const std::uint32_t above = count_above(keys, middle);
    if (above == count) return {.threshold = middle};
    (above > count ? low : high) = middle;
  }
  return {high, high, count - count_above(keys, high)};
}

/// The smallest key above the threshold.
std::uint32_t next_above(std::span<const std::uint32_t> keys, std::uint32_t threshold) noexcept {
  std::uint32_t next = std::numeric_limits<std::uint32_t>::max();
  for (const auto key : keys) next = std::min(next, key > threshold ? key : next);
  return next;
}

/// Keys of one row of up to 16 columns.
using KeyRow = std::array<std::uint32_t, block_columns>;

KeyRow key_row(const float* values, std::size_t columns) noexcept {
  KeyRow row{};
  if (columns == block_columns) {
    for (std::size_t c = 0; c < block_columns; ++c) row[c] = order_key(values[c]);
  } else {
    for (std::size_t c = 0; c < columns; ++c) row[c] = order_key(values[c]);
  }
  return row;
}

/// The keys of `columns` columns from `first` on, column by column.
void transpose(MatrixView<const float> scores, std::size_t first, std::size_t columns,
               std::span<const std::uint8_t> valid, std::uint32_t* keys) {
  const std::size_t tokens = scores.rows(), stride = column_stride(tokens);
  for (std::size_t token = 0; token < tokens; ++token) {
    KeyRow row = key_row(scores.data() + token * scores.columns() + first, columns);
    if (!valid.empty() && valid[token] == 0) row.fill(excluded_key);
    for (std::size_t c = 0; c < columns; ++c) keys[c * stride + token] = row[c];
  }
}

template <class Body>
void for_each(std::size_t tasks, Body&& body) {
  if (tasks > 1) return stats::parallel_for(tasks, body);
  body(std::size_t{0});
}

}  // namespace

void ColumnTop::part_block(const Request& request, std::size_t block, Keys& keys) {
  const std::size_t tokens = request.scores.rows(), first = block * block_columns;
  const std::size_t columns = std::min(block_columns, request.scores.columns() - first);
  const std::size_t stride = column_stride(tokens);
  if (keys.size < columns * stride) {
    keys.size = columns * stride;
    keys.data = std::make_unique_for_overwrite<std::uint32_t[]>(keys.size);
  }
  transpose(request.scores, first, columns, request.valid, keys.data.get());
  for (std::size_t c = 0; c < columns; ++c) {
    const std::span<const std::uint32_t> column(keys.data.get() + c * stride, tokens);
    Parting parting = part(column, static_cast<std::uint32_t>(request.count));
    if (request.strict && parting.ties == 0) parting.threshold = next_above(column, parting.threshold);
    thresholds_[first + c] = parting.threshold;
    if (request.strict) continue;
    for (std::size_t token = 0; parting.ties > 0; ++token) {
      if (column[token] != parting.tied) continue;
      request.chosen(token, first + c) = 1;
      --parting.ties;
    }
  }
}

void ColumnTop::mark_rows(const Request& request, std::size_t first, std::size_t end) const {
  const std::size_t experts = request.scores.columns();
  for (std::size_t token = first; token < end; ++token) {
    if (!request.valid.empty() && request.valid[token] == 0) continue;
    for (std::size_t expert = 0; expert < experts; expert += block_columns) {
      const std::size_t columns = std::min(block_columns, experts - expert);
      const KeyRow row = key_row(request.scores.data() + token * experts + expert, columns);
      std::uint8_t* out = request.chosen.data() + token * experts + expert;
      const std::uint32_t* threshold = thresholds_.data() + expert;
      std::array<std::uint8_t, block_columns> above{};
      if (columns == block_columns) {
        for (std::size_t c = 0; c < block_columns; ++c) above[c] = row[c] > threshold[c] ? 1 : 0;
        for (std::size_t c = 0; c < block_columns; ++c) out[c] = static_cast<std::uint8_t>(out[c] | above[c]);
      } else {
        for (std::size_t c = 0; c < columns; ++c) above[c] = row[c] > threshold[c] ? 1 : 0;
        for (std::size_t c = 0; c < columns; ++c) out[c] = static_cast<std::uint8_t>(out[c] | above[c]);
      }
    }
  }
}

void ColumnTop::select(MatrixView<const float> scores, std::size_t count, std::span<const std::uint8_t> valid,
                       bool strict, MatrixView<std::uint8_t> chosen) {
  const std::size_t tokens = scores.rows(), experts = scores.columns();
  std::size_t eligible = tokens;
  if (!valid.empty()) eligible -= static_cast<std::size_t>(std::count(valid.begin(), valid.end(), 0));
  const Request request{scores, std::min(count, eligible), valid, strict, chosen};
  if (request.count == 0 || scores.empty()) return;
  const std::size_t blocks = (experts + block_columns - 1) / block_columns;
  // How the work is cut does not show in the outcome.
  const std::size_t workers =
      scores.size() < parallel_scores ? 1 : static_cast<std::size_t>(tbb::this_task_arena::max_concurrency());
  thresholds_.resize(experts);
  keys_.resize(std::max(keys_.size(), std::min(workers, blocks)));
  for_each(std::min(workers, blocks), [&](std::size_t worker) {
    for (std::size_t block = worker; block < blocks; block += std::min(workers, blocks)) {
      part_block(request, block, keys_[worker]);
    }
  });
  for_each(workers, [&](std::size_t worker) {
    mark_rows(request, tokens * worker / workers, tokens * (worker + 1) / workers);
  });
}

}  // namespace pastonly::routing
