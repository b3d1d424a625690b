#include <algorithm>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"

namespace pastonly::routing {

namespace {

struct Entry {
  std::uint8_t wants;  ///< 1 = the token chose the expert
  std::uint32_t token;
};

bool before(const Entry& a, const Entry& b) noexcept { return a.wants > b.wants; }

/// The partial quickselect of libstdc++'s nth_element, which PyTorch's CPU kernel of topk runs: pivot
/// the median of three, scans that stop at equal values and swap them, insertion at the end. Written
/// out so that outcomes do not depend on the standard library at hand. Afterwards the entries before
/// `nth` are those it ranks first; which of many equal ones is left to the swaps.
class Quickselect {
 public:
  static void run(std::vector<Entry>& entries, std::size_t nth) {
    std::size_t first = 0, last = entries.size();
    // Twice the logarithm is where the library turns to a heap; columns of 0 and 1 split evenly.
    while (last - first > 3) {
      const std::size_t cut = partition(entries, first, last);
      (cut <= nth ? first : last) = cut;
    }
    for (std::size_t i = first + 1; i < last; ++i) {
      for (std::size_t j = i; j > first && before(entries[j], entries[j - 1]); --j)
        std::swap(entries[j], entries[j - 1]);
    }
  }

 private:
  static std::size_t partition(std::vector<Entry>& entries, std::size_t first, std::size_t last) {
    const std::size_t pivot = median(entries, first + 1, first + (last - first) / 2, last - 1);
    std::swap(entries[first], entries[pivot]);
    const Entry value = entries[first];
    std::size_t low = first + 1, high = last;
    for (;;) {
      while (before(entries[low], value)) ++low;
      --high;
      while (before(value, entries[high])) --high;
      if (low >= high) return low;
      std::swap(entries[low], entries[high]);
      ++low;
    }
  }
  static std::size_t median(const std::vector<Entry>& e, std::size_t a, std::size_t b, std::size_t c) {
    if (before(e[a], e[b])) {
      if (before(e[b], e[c])) return b;
      return before(e[a], e[c]) ? c : a;
    }
    if (before(e[a], e[c])) return a;
    return before(e[b], e[c]) ? c : b;
  }
};

/// Every expert asks for the C largest entries of its column of zeros and ones: those who chose it tie.
class UnstableCapacity final : public CappedRule {
 public:
  explicit UnstableCapacity(CappedOptions options)
      : CappedRule(ids::unstable_capacity, options, Precedence::choice_major) {}

 private:
  void admit(const Group& group, const Choices&, std::size_t slots, Routing& out) const override {
    slots = std::min(slots, group.tokens());
    if (slots == 0) return;
    std::vector<Entry> column(group.tokens());
    for (std::size_t expert = 0; expert < group.experts(); ++expert) {
      for (std::size_t token = 0; token < group.tokens(); ++token) {
        column[token] = {out.selected(group.row(token), expert), static_cast<std::uint32_t>(token)};
      }
      Quickselect::run(column, slots - 1);
      for (std::size_t i = 0; i < slots; ++i) {
        if (column[i].wants != 0) out.mask(group.row(column[i].token), expert) = 1;
      }
    }
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    Dependence dependence =
        capped_dependence(layout, experts, options().capacity, options().k, Precedence::by_merit);
    dependence.order = dependence.batch;
    return dependence;
  }
};

}  // namespace

Made make_unstable_capacity(const Parameters& parameters) {
  ParameterReader reader(ids::unstable_capacity, parameters);
  return finished(reader, std::make_unique<UnstableCapacity>(read_capped(reader, 1)));
}

}  // namespace pastonly::routing
