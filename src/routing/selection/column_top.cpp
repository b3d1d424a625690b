#include "routing/selection/column_top.h"

#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "pastonly/layout.h"
#include "routing/selection/column_search.h"
#include "stats/parallel.h"

namespace pastonly::routing {

namespace {

using kernels::key_columns;

/// Below that many scores a second thread costs more than it brings.
constexpr std::size_t parallel_scores = std::size_t{1} << 16;
/// Rows of a sample that says where to search, and how many times it they are worth it.
constexpr std::size_t sampled_rows = 512, worth_sampling = 4;

template <class Body>
void for_each(std::size_t tasks, Body&& body) {
  if (tasks > 1) return stats::parallel_for(tasks, body);
  body(std::size_t{0});
}

/// The keys between which a sample says that the target-th largest lies, a few of its standard errors apart.
void guess(ColumnSearch& search, const kernels::KeyBlock& block, const kernels::KeyRange& range,
           std::size_t columns, std::size_t target) {
  // An odd step: the sample's lines spread over all sets of the cache.
  const kernels::KeyBlock sample{block.keys, block.rows, block.rows / sampled_rows | 1U};
  const std::size_t rows = (block.rows + sample.step - 1) / sample.step;
  const double share = static_cast<double>(target) / static_cast<double>(block.rows);
  const double middle = share * static_cast<double>(rows);
  const double margin = 3.0 * std::sqrt(middle * (1.0 - share)) + 1.0;
  for (const double place : {middle + margin, middle - margin}) {
    if (place < 1.0 || place > static_cast<double>(rows)) continue;
    ColumnSearch within(sample, range, columns, static_cast<std::size_t>(place));
    within.run();
    std::array<std::int32_t, key_columns> thresholds{};
    for (std::size_t c = 0; c < columns; ++c) thresholds[c] = within.threshold(c);
    search.look_at(thresholds);
  }
}

/// The row behind the first `ties` valid ones whose key is `tied`.
std::size_t end_of_ties(const std::int32_t* column, std::int32_t tied, std::size_t ties,
                        std::span<const std::uint8_t> valid) {
  std::size_t token = 0;
  for (std::size_t row = 0; ties > 0; ++token) {
    if (!is_valid(valid, token)) continue;
    ties -= column[row * key_columns] == tied ? 1 : 0;
    ++row;
  }
  return token;
}

}  // namespace

void ColumnTop::part_block(const Request& request, std::size_t block, Keys& keys) {
  const std::size_t tokens = request.scores.rows(), experts = request.scores.columns();
  const std::size_t first = block * key_columns, columns = std::min(key_columns, experts - first);
  keys.resize(tokens * key_columns);
  kernels::KeyRange range{};
  const std::size_t rows = kernels::write_keys(request.scores.data() + first, experts, tokens, columns,
                                               request.valid_from(0), keys.data(), range);
  const kernels::KeyBlock packed{keys.data(), rows};
  ColumnSearch search(packed, range, columns, request.count);
  if (rows >= sampled_rows * worth_sampling) guess(search, packed, range, columns, request.count);
  search.run();
  for (std::size_t c = 0; c < columns; ++c) range.lowest[c] = range.highest[c] = search.threshold(c);
  if (request.strict) kernels::tighten(packed, range);
  for (std::size_t c = 0; c < columns; ++c) {
    const std::int32_t threshold = search.threshold(c);
    const std::size_t ties = search.ties(c);
    thresholds_[first + c] = request.strict && ties == 0 ? range.lowest[c] : threshold;
    ties_end_[first + c] = 0;
    if (request.strict || ties == 0) continue;
    ties_end_[first + c] =
        static_cast<std::int32_t>(end_of_ties(keys.data() + c, threshold, ties, request.valid));
  }
}

void ColumnTop::mark_rows(const Request& request, std::size_t first, std::size_t end) const {
  const std::size_t at = first * request.scores.columns();
  kernels::mark_above(request.scores.data() + at, end - first, request.scores.columns(),
                      request.valid_from(first), first, {thresholds_.data(), ties_end_.data()},
                      request.chosen.data() + at);
}

void ColumnTop::select(MatrixView<const float> scores, std::size_t count, std::span<const std::uint8_t> valid,
                       bool strict, MatrixView<std::uint8_t> chosen) {
  const std::size_t tokens = scores.rows(), experts = scores.columns();
  std::size_t eligible = tokens;
  if (!valid.empty()) eligible -= static_cast<std::size_t>(std::count(valid.begin(), valid.end(), 0));
  const Request request{scores, std::min(count, eligible), valid, strict, chosen};
  if (request.count == 0 || scores.empty()) return;
  const std::size_t blocks = (experts + key_columns - 1) / key_columns;
  // How the work is cut does not show in the outcome.
  const std::size_t workers =
      scores.size() < parallel_scores ? 1 : static_cast<std::size_t>(tbb::this_task_arena::max_concurrency());
  thresholds_.resize(blocks * key_columns);
  ties_end_.resize(blocks * key_columns);
  if (keys_.size() < std::min(workers, blocks)) keys_.resize(std::min(workers, blocks));
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
