#include "kernels/bit_counts.h"

#include <numeric>
#include <vector>

#include "catch.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

using namespace pastonly;

TEST_CASE("ones are counted by row and by column", "[kernels][routing]") {
  for (const std::size_t columns : {1U, 7U, 8U, 63U, 64U, 65U, 130U, 4099U}) {
    for (const std::size_t rows : {1U, 3U, 255U, 256U, 600U}) {
      if (columns > 1000 && rows > 3) continue;
      stats::CounterRng rng(columns, rows);
      std::vector<std::uint8_t> bits(rows * columns);
      // All ones now and then: where bytes overflow first.
      for (auto& bit : bits) bit = rows == 256 || columns > 1000 || rng.below(3) == 0 ? 1 : 0;
      std::vector<std::uint64_t> by_column(columns, 5);
      std::vector<std::uint32_t> by_row(rows, 0);
      for (std::size_t i = 0; i < bits.size(); ++i) {
        by_column[i % columns] += bits[i];
        by_row[i / columns] += bits[i];
      }
      kernels::for_each_target([&] {
        CAPTURE(rows, columns);
        std::vector<std::uint64_t> columns_found(columns, 5);
        std::vector<std::uint32_t> rows_found(rows, 99);
        kernels::add_column_ones(bits.data(), rows, columns, columns_found.data());
        kernels::count_row_ones(bits.data(), rows, columns, rows_found.data());
        CHECK(columns_found == by_column);
        CHECK(rows_found == by_row);
        CHECK(kernels::count_ones(bits.data(), bits.size()) ==
              std::accumulate(bits.begin(), bits.end(), std::size_t{0}));
      });
    }
  }
}

TEST_CASE("any byte's bits are seen", "[kernels][input]") {
  kernels::for_each_target([&] {
    for (const std::size_t count : {0U, 1U, 7U, 64U, 65U, 200U}) {
      std::vector<std::uint8_t> bytes(count, 1);
      CHECK(kernels::any_bits(bytes.data(), count) == (count == 0 ? 0 : 1));
      for (std::size_t i = 0; i < count; ++i) {
        bytes[i] = 0x82;
        CHECK((kernels::any_bits(bytes.data(), count) & 0x82) == 0x82);
        bytes[i] = 1;
      }
    }
  });
}
