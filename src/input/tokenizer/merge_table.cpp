#include "input/tokenizer/merge_table.h"

#include <algorithm>
#include <array>
#include <bit>

namespace pastonly::input {
namespace {

constexpr std::uint64_t free_slot = ~std::uint64_t{0};  // no pair: ids are below 2^31
constexpr std::uint32_t no_symbol = 0xffff'ffffU;
constexpr std::uint32_t no_merge = 0xffff'ffffU;
constexpr std::size_t short_word = 24;  // symbols; below, looking at all of them is faster than a heap

}  // namespace

MergeTable::MergeTable(std::size_t merges)
    : slots_(std::bit_ceil(2 * merges + 2), Slot{free_slot, {no_merge, 0}}) {}

std::size_t MergeTable::slot_of(std::uint64_t pair) const noexcept {
  // A finaliser of splitmix64: neighbouring ids must not meet.
  std::uint64_t hash = (pair ^ (pair >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  std::size_t slot = (hash ^ (hash >> 31)) & (slots_.size() - 1);
  while (slots_[slot].pair != pair && slots_[slot].pair != free_slot) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void MergeTable::insert(std::uint32_t left, std::uint32_t right, Merge merge) {
  const std::uint64_t pair = std::uint64_t{left} << 32 | right;
  slots_[slot_of(pair)] = {pair, merge};
}

const Merge* MergeTable::find(std::uint32_t left, std::uint32_t right) const noexcept {
  const Slot& slot = slots_[slot_of(std::uint64_t{left} << 32 | right)];
  return slot.pair == free_slot ? nullptr : &slot.merge;
}

void MergeQueue::merge(const MergeTable& table, std::vector<std::uint32_t>& symbols) {
  if (symbols.size() < 2) return;
  symbols.size() <= short_word ? merge_short(table, symbols) : merge_long(table, symbols);
}

void MergeQueue::merge_short(const MergeTable& table, std::vector<std::uint32_t>& symbols) {
  std::array<Merge, short_word> pairs;  // of each symbol with the next
  const auto look = [&](std::size_t at) {
    const Merge* const merge = at + 1 < symbols.size() ? table.find(symbols[at], symbols[at + 1]) : nullptr;
    pairs[at] = merge != nullptr ? *merge : Merge{no_merge, 0};
  };
  for (std::size_t at = 0; at < symbols.size(); ++at) look(at);
  while (symbols.size() > 1) {
    std::size_t best = 0;
    for (std::size_t at = 1; at + 1 < symbols.size(); ++at)
      if (pairs[at].rank < pairs[best].rank) best = at;
    if (pairs[best].rank == no_merge) break;
    symbols[best] = pairs[best].id;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    std::copy(pairs.begin() + static_cast<std::ptrdiff_t>(best) + 2,
              pairs.begin() + static_cast<std::ptrdiff_t>(symbols.size()) + 1,
              pairs.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    look(best);
    if (best > 0) look(best - 1);
  }
}

void MergeQueue::look_at(const MergeTable& table, const std::vector<std::uint32_t>& symbols,
                         std::uint32_t at) {
  if (at == no_symbol || next_[at] == no_symbol) return;
  if (const Merge* const merge = table.find(symbols[at], symbols[next_[at]]))
    heap_.push_back({merge->rank, at, merge->id});
}

void MergeQueue::merge_long(const MergeTable& table, std::vector<std::uint32_t>& symbols) {
  const auto later = [](const Waiting& a, const Waiting& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto count = static_cast<std::uint32_t>(symbols.size());
  previous_.resize(count);
  next_.resize(count);
  for (std::uint32_t at = 0; at < count; ++at) {
    previous_[at] = at == 0 ? no_symbol : at - 1;
    next_[at] = at + 1 == count ? no_symbol : at + 1;
  }
  heap_.clear();
  for (std::uint32_t at = 0; at < count; ++at) look_at(table, symbols, at);
  std::make_heap(heap_.begin(), heap_.end(), later);
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Waiting best = heap_.back();
    heap_.pop_back();
    // What was waiting may have merged with others meanwhile.
    if (symbols[best.at] == no_symbol || next_[best.at] == no_symbol) continue;
    const std::uint32_t right = next_[best.at];
    const Merge* const merge = table.find(symbols[best.at], symbols[right]);
    if (merge == nullptr || merge->id != best.id) continue;
    symbols[best.at] = best.id;
    symbols[right] = no_symbol;
    next_[best.at] = next_[right];
    if (next_[right] != no_symbol) previous_[next_[right]] = best.at;
    for (const std::uint32_t at : {previous_[best.at], best.at}) {
      const std::size_t before = heap_.size();
      look_at(table, symbols, at);
      if (heap_.size() > before) std::push_heap(heap_.begin(), heap_.end(), later);
    }
  }
  std::erase(symbols, no_symbol);
}

}  // namespace pastonly::input
