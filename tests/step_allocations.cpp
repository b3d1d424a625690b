// A training step of known shape asks for no memory but what its routing rule keeps of one call. Counts every
// call of malloc and its kin in this process, of libraries too; an executable of its own, since it puts
// itself in front of them.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

#include "model/model.h"
#include "stats/token_source.h"

namespace {

std::atomic<bool> counting = false;
std::atomic<std::size_t> calls = 0;

void note() noexcept {
  if (counting) ++calls;
}

}  // namespace

extern "C" {
// glibc's own entries behind the names that are taken here.
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
  note();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  note();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  note();
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  note();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** to, std::size_t alignment, std::size_t bytes) {
  note();
  *to = __libc_memalign(alignment, bytes);
  return *to == nullptr ? 12 : 0;  // ENOMEM
}
}

namespace {

using namespace pastonly;

constexpr Layout batch_wording{16, 64};
constexpr std::size_t layer_count = 3;

model::ModelConfig config_of(const char* rule) {
  model::ModelConfig config;
  config.vocab = 64;
  config.layers = layer_count;
  config.width = 64;
  config.heads = config.kv_heads = 4;
  config.head_width = 16;
  config.experts = 16;
  config.expert_width = 64;
  if (auto spec = parse_rule(rule)) config.router.rule = *std::move(spec);
  return config;
}

/// Whether steps after the first few usually stay within `allowed` calls.
bool holds(const char* rule, std::size_t allowed) {
  auto trained = model::Model::create(config_of(rule), {}, 1);
  const auto source = stats::TokenSource::make(Source{"uniform", 64});
  if (!trained || !source) return false;
  std::vector<std::int64_t> tokens;
  std::vector<std::size_t> counts;
  for (std::uint64_t step = 0; step < 12; ++step) {
    source->draw(step, batch_wording.sequences, batch_wording.positions, tokens);
    calls = 0;
    counting = true;
    const bool done = trained->step({batch_wording, tokens, {}}).has_value();
    counting = false;
    if (!done) return false;
    // Buffers grow to their size in the first steps.
    if (step >= 4) counts.push_back(calls);
  }
  // The median: a thread that wakes late asks for what is its own.
  std::ranges::sort(counts);
  const std::size_t usual = counts[counts.size() / 2];
  fmt::print("{}: {} calls a step, {} allowed\n", rule, usual, allowed);
  return usual <= allowed;
}

}  // namespace

int main() {
  // Counts are no longer counts if the interposition itself fails.
  calls = 0;
  counting = true;
  const std::vector<int> probe(1000);
  counting = false;
  if (calls != 1 || probe.size() != 1000) return 1;
  bool good = holds("top-k,k=2", layer_count);  // one list of choices a layer
  good =
      holds("expert-choice,k=2,chunk=8", 4 * layer_count) && good;  // keys and borders of a layer's columns
  return good ? 0 : 1;
}
