#include <algorithm>
#include <cassert>

#include "kernels/bit_counts.h"
#include "pastonly/trace.h"

namespace pastonly {

namespace {

constexpr std::size_t block_tokens = 1024;

/// Gates stand by expert where the record has a mask, by choice where it has ids and their number of
/// columns is that of the ids.
bool gates_by_choice(const LayerRecord& layer) noexcept {
  return !layer.mask && layer.chosen && layer.gates && layer.gates->columns == layer.chosen->columns;
}

/// The mask's rows from `first` on where it is dense bytes, else nullptr.
const std::uint8_t* mask_bytes(const TokenTensor& mask, std::size_t first) noexcept {
  const bool bytes = size_of(mask.type) == 1 &&
                     (mask.positions <= 1 || mask.position_stride == mask.columns) &&
                     (mask.sequences <= 1 || mask.sequence_stride == mask.positions * mask.columns);
  return bytes ? reinterpret_cast<const std::uint8_t*>(mask.data) + first * mask.columns : nullptr;
}

void mask_from_mask(const LayerRecord& layer, std::size_t first, std::size_t count, std::uint8_t* out) {
  const TokenTensor& mask = *layer.mask;
  const std::size_t entries = count * layer.experts;
  if (const auto* from = mask_bytes(mask, first)) {
    for (std::size_t i = 0; i < entries; ++i) out[i] = from[i] != 0;
    return;
  }
  std::vector<float> scratch;
  const auto values = read_floats(mask, first, count, scratch);
  for (std::size_t i = 0; i < entries; ++i) out[i] = values.data()[i] != 0.0f;
}

void clear_where_gate_is_zero(const LayerRecord& layer, std::size_t first, std::size_t count,
                              std::uint8_t* out) {
  std::vector<float> scratch;
  const auto gates = read_floats(*layer.gates, first, count, scratch);
  for (std::size_t i = 0; i < gates.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(out[i] & static_cast<std::uint8_t>(gates.data()[i] != 0.0f));
  }
}

/// Calls visit(token, choice, expert) for every id in range.
template <class Visit>
void for_each_choice(const LayerRecord& layer, std::size_t first, std::size_t count, Visit visit) {
  std::vector<std::int64_t> scratch;
  const auto ids = read_integers(*layer.chosen, first, count, scratch);
  for (std::size_t token = 0; token < count; ++token) {
    if (is_placeholder(ids.row(token))) continue;
    for (std::size_t choice = 0; choice < ids.columns(); ++choice) {
      const std::int64_t id = ids(token, choice);
      if (id >= 0 && static_cast<std::size_t>(id) < layer.experts) {
        visit(token, choice, static_cast<std::size_t>(id));
      }
    }
  }
}

void mask_from_choices(const LayerRecord& layer, std::size_t first, std::size_t count, std::uint8_t* out) {
  std::fill_n(out, count * layer.experts, std::uint8_t{0});
  std::vector<float> scratch;
  MatrixView<const float> gates;
  if (gates_by_choice(layer)) gates = read_floats(*layer.gates, first, count, scratch);
  for_each_choice(layer, first, count, [&](std::size_t token, std::size_t choice, std::size_t expert) {
    if (gates.empty() || gates(token, choice) != 0.0f) out[token * layer.experts + expert] = 1;
  });
}

}  // namespace

void read_mask(const LayerRecord& layer, std::size_t first, std::size_t count, std::span<std::uint8_t> out) {
  assert(out.size() >= count * layer.experts);
  if (layer.mask) {
    mask_from_mask(layer, first, count, out.data());
  } else if (layer.chosen) {
    mask_from_choices(layer, first, count, out.data());
  } else {
    std::fill_n(out.data(), count * layer.experts, std::uint8_t{0});
  }
  if (layer.gates && !gates_by_choice(layer)) clear_where_gate_is_zero(layer, first, count, out.data());
}

MatrixView<const std::uint8_t> mask_rows(const LayerRecord& layer, std::size_t first, std::size_t count,
                                         std::vector<std::uint8_t>& scratch) {
  const std::size_t entries = count * layer.experts;
  if (const auto* bytes = layer.mask && !layer.gates ? mask_bytes(*layer.mask, first) : nullptr) {
    if (kernels::any_bits(bytes, entries) <= 1) return {bytes, count, layer.experts};
  }
  scratch.resize(entries);
  read_mask(layer, first, count, scratch);
  return {scratch.data(), count, layer.experts};
}

Mask read_mask(const LayerRecord& layer) {
  const TokenTensor* shape = layer.mask ? &*layer.mask : layer.chosen ? &*layer.chosen : layer.ranking();
  const std::size_t tokens = shape != nullptr ? shape->tokens() : 0;
  Mask mask(tokens, layer.experts);
  for (std::size_t first = 0; first < tokens; first += block_tokens) {
    const std::size_t count = std::min(block_tokens, tokens - first);
    read_mask(layer, first, count, {mask.view().data() + first * layer.experts, count * layer.experts});
  }
  return mask;
}

void read_gates(const LayerRecord& layer, std::size_t first, std::size_t count, std::span<float> out) {
  assert(layer.gates && out.size() >= count * layer.experts);
  std::vector<float> scratch;
  const auto gates = read_floats(*layer.gates, first, count, scratch);
  if (!gates_by_choice(layer)) {
    std::vector<std::uint8_t> chosen(count * layer.experts);
    read_mask(layer, first, count, chosen);
    for (std::size_t i = 0; i < chosen.size(); ++i) out[i] = chosen[i] != 0 ? gates.data()[i] : 0.0f;
    return;
  }
  std::fill_n(out.data(), count * layer.experts, 0.0f);
  for_each_choice(layer, first, count, [&](std::size_t token, std::size_t choice, std::size_t expert) {
    out[token * layer.experts + expert] += gates(token, choice);
  });
}

}  // namespace pastonly
