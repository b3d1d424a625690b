#include "checkpoint/gguf_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "checkpoint/encoding.h"

namespace pastonly::checkpoint {
namespace {

/// Beginnings of keys that change nothing of what the model computes: names, the tokenizer, how the file was
/// cut and quantised.
constexpr auto harmless_beginnings =
    std::to_array<std::string_view>({"general.", "tokenizer.", "split.", "quantize.", "imatrix."});

constexpr std::size_t most_numbers = 65536;

}  // namespace

std::size_t GgufKeys::count(std::string_view key, std::optional<std::size_t> fallback, std::size_t minimum,
                            std::size_t maximum) {
  const input::Json* value = reader_.find(full(key));
  if (value == nullptr || !value->is_array()) return reader_.count(full(key), fallback, minimum, maximum);
  const auto counts = reader_.counts(full(key));
  if (counts.empty() || std::ranges::adjacent_find(counts, std::ranges::not_equal_to{}) != counts.end()) {
    reject(key, "differs from layer to layer, which is not supported");
  } else if (counts.front() < minimum || counts.front() > maximum) {
    reject(key,
           fmt::format("expected a whole number from {} to {}, found {}", minimum, maximum, counts.front()));
  } else {
    return counts.front();
  }
  return minimum;
}

void GgufKeys::refuse(std::string_view key, std::string_view why) {
  const input::Json* value = reader_.find(full(key));
  if (value == nullptr) return;
  const bool nothing =
      (value->is_number() && value->get<double>() == 0.0) || (value->is_boolean() && !value->get<bool>());
  if (!nothing) reject(key, why);
}

const GgufTensor* GgufKeys::tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second.tensor;
}

std::vector<double> GgufKeys::numbers_of(std::string_view name) {
  const GgufTensor* found = tensor(name);
  if (found == nullptr) return {};
  const auto encoding = encoding_of(found->type->name);
  const bool plain = encoding == Encoding::f32 || encoding == Encoding::f16 || encoding == Encoding::bf16;
  if (!plain || found->shape.size() != 1 || found->shape[0] > most_numbers) {
    reader_.reject(name, "expected one row of F32");
    return {};
  }
  std::vector<float> values(found->shape[0]);
  decode(*encoding, found->bytes.data(), 0, values.size(), values.data());
  return {values.begin(), values.end()};
}

std::vector<std::string> GgufKeys::unread() const {
  std::vector<std::string> out = reader_.unread();
  std::erase_if(out, [](const std::string& entry) {
    return std::ranges::any_of(harmless_beginnings,
                               [&](std::string_view beginning) { return entry.starts_with(beginning); });
  });
  return out;
}

}  // namespace pastonly::checkpoint
