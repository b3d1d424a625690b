#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"

namespace pastonly::external {

/// What a program says of its model before it is asked for anything.
struct Hello {
  std::uint64_t vocab = 0;
  std::vector<std::uint32_t> layers;  ///< that it will record; empty = as they come
  std::vector<std::int64_t> special;  ///< token ids of beginning, end, padding and the like
  /// Of a batch: its rows, its length, its tokens; nothing = any.
  std::optional<std::size_t> max_batch, max_positions, max_tokens;
  bool noisy = false;    ///< routing draws at random
  bool streams = false;  ///< it answers streams
  std::string name;      ///< "" where it has none
  struct Remark {
    std::string id, message;
  };
  std::vector<Remark> remarks;  ///< what is odd about the model, or was switched off for the audit
};

/// A line of JSON, docs/formats.md. Unknown keys are left to later versions. Input errors name the program
/// and the key.
Expected<Hello> parse_hello(std::string_view line, std::string_view program);

}  // namespace pastonly::external
