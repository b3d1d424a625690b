#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pastonly::lint {

/// One key with its value, where it stands.
struct Entry {
  std::string key;     ///< as frameworks' code names it: no leading dashes, '-' as '_'
  std::string value;   ///< without quotes; elements of a list joined by ','; what Python calls None is ""
  bool known = true;   ///< false where the value is computed: "$1", args.topk
  std::uint64_t line;  ///< from 1
  /// Computed, and passed on under its own name: f(k=args.k). Who decides is whoever set it there.
  bool passed_on = false;
  std::uint32_t branch = 0;  ///< of a script: the one that it stands in; it may also not be there. 0 = none
};

/// Keys that belong together: a mapping, a call, a table; a script has one. Later entries of one key win.
struct Block {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  std::string name;  ///< the key it stands under, or what is called; "" for the outermost
  std::uint64_t line = 1;
  std::size_t parent = none;
  std::vector<std::size_t> merged = {};  ///< blocks whose entries it takes over (YAML's "<<")
  std::vector<Entry> entries = {};
  bool more = false;  ///< takes keys that are not written here: f(**settings)
};

/// What a file says. Block 0 is the outermost and always there.
struct Document {
  std::vector<Block> blocks{Block{}};

  /// Bounds what hostile files can make.
  static constexpr std::size_t most_entries = 200000;
  bool full() const noexcept { return entries_ >= most_entries; }
  /// Null where it is full.
  Entry* add(std::size_t block, std::string_view key, std::string value, std::uint64_t line,
             bool known = true, bool passed_on = false);
  std::size_t open(std::size_t parent, std::string_view name, std::uint64_t line);

  /// In the block itself and what it merges; the last one wins.
  const Entry* own(std::size_t block, std::string_view key) const;
  /// The same, and where there is none in those around it. A name of one word ("name", "k") is too common to
  /// be meant from outside.
  const Entry* find(std::size_t block, std::string_view key) const;
  /// Whether a key that `find` does not find may be among those that are not written.
  bool may_hold(std::size_t block, std::string_view key) const;

 private:
  std::size_t entries_ = 0;
};

/// "--moe-token-drop-policy" -> "moe_token_drop_policy"; of "model.moe.name" the last part.
std::string normalised_key(std::string_view key);

}  // namespace pastonly::lint
