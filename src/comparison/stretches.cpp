#include "comparison/stretches.h"

#include <algorithm>
#include <utility>

#include "comparison/decided_tokens.h"

namespace pastonly::comparison {
namespace {

constexpr std::size_t longest_stretch = 4096;

}  // namespace

Stretches::Stretches(const Trace& first, const Trace& second)
    : first_(first), second_(second), decided_{decided_tokens(first), decided_tokens(second)} {}

void Stretches::add(std::size_t one, std::size_t other) {
  if (decided_[0][one] == 0 || decided_[1][other] == 0) return;
  if (!out_.empty()) {
    Alignment::Stretch& last = out_.back();
    const bool follows = last.count < longest_stretch && last.first + last.count == one &&
                         last.second + last.count == other && one % first_.layout.positions != 0 &&
                         other % second_.layout.positions != 0;
    if (follows) {
      ++last.count;
      return;
    }
  }
  out_.push_back({one, other, 1});
}

std::vector<Alignment::Stretch> Stretches::take() {
  std::ranges::sort(out_, {}, &Alignment::Stretch::first);
  return std::move(out_);
}

}  // namespace pastonly::comparison
