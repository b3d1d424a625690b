#include "lint/document.h"

#include <algorithm>

namespace pastonly::lint {
namespace {

constexpr std::size_t longest_key = 200;
constexpr int highest = 64;  // levels around a block that are looked at

bool is_specific(std::string_view key) { return key.find('_') != std::string_view::npos; }

}  // namespace

std::string normalised_key(std::string_view key) {
  // Hydra: "+model.key" adds, "++model.key" overrides; "--no-key" is left to whoever knows that the option
  // exists.
  while (!key.empty() && (key.front() == '-' || key.front() == '+')) key.remove_prefix(1);
  if (const auto dot = key.rfind('.'); dot != std::string_view::npos) key.remove_prefix(dot + 1);
  std::string out(key.substr(0, longest_key));
  std::ranges::replace(out, '-', '_');
  return out;
}

Entry* Document::add(std::size_t block, std::string_view key, std::string value, std::uint64_t line,
                     bool known, bool passed_on) {
  if (full()) return nullptr;
  ++entries_;
  blocks[block].entries.push_back({normalised_key(key), std::move(value), known, line, passed_on});
  return &blocks[block].entries.back();
}

std::size_t Document::open(std::size_t parent, std::string_view name, std::uint64_t line) {
  if (full()) return parent;
  ++entries_;
  blocks.push_back(Block{normalised_key(name), line, parent});
  return blocks.size() - 1;
}

const Entry* Document::own(std::size_t block, std::string_view key) const {
  // A merge may name itself, and merges of merges would multiply.
  constexpr std::size_t most_merged = 64;
  std::vector<std::size_t> waiting{block};
  for (std::size_t at = 0; at < waiting.size(); ++at) {
    const Block& here = blocks[waiting[at]];
    for (auto entry = here.entries.rbegin(); entry != here.entries.rend(); ++entry) {
      if (entry->key == key) return &*entry;
    }
    for (const std::size_t other : here.merged) {
      if (waiting.size() < most_merged && std::ranges::count(waiting, other) == 0) waiting.push_back(other);
    }
  }
  return nullptr;
}

const Entry* Document::find(std::size_t block, std::string_view key) const {
  const bool specific = is_specific(key);
  for (int level = 0; level < highest && block != Block::none; ++level, block = blocks[block].parent) {
    if (const Entry* found = own(block, key); found != nullptr) return found;
    if (!specific) break;
  }
  return nullptr;
}

bool Document::may_hold(std::size_t block, std::string_view key) const {
  const bool specific = is_specific(key);
  for (int level = 0; level < highest && block != Block::none; ++level, block = blocks[block].parent) {
    if (blocks[block].more) return true;
    if (!specific) break;
  }
  return false;
}

}  // namespace pastonly::lint
