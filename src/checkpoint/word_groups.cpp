#include "checkpoint/word_groups.h"

#include <fmt/format.h>

#include "checkpoint/packed_words.h"
#include "checkpoint/tensor_finder.h"

namespace pastonly::checkpoint {

WordGroups read_word_groups(TensorFinder& find, const std::string& module, std::size_t outputs,
                            std::size_t bits) {
  WordGroups out;
  const StoredTensor* scales = find.need(module + ".scales");
  if (scales == nullptr) return out;
  const auto encoding = scale_encoding_of(scales->dtype);
  if (!encoding || scales->shape.size() != 2 || scales->shape[0] == 0 || scales->shape[1] != outputs) {
    find.reject(*scales, fmt::format("expected scales [groups, {}] in F16, BF16 or F32, found {} {}", outputs,
                                     scales->dtype, shape_text(scales->shape)));
    return out;
  }
  const std::size_t groups = scales->shape[0];
  if (outputs * bits % 32 != 0) {
    find.reject(*scales, fmt::format("{} outputs in {} bits do not fill words of 32 bits", outputs, bits));
    return out;
  }
  const StoredTensor* zeros = find.take(module + ".qzeros", {groups, packed_words(outputs, bits)});
  if (zeros == nullptr) return out;
  if (zeros->dtype != "I32") {
    find.reject(*zeros, fmt::format("expected I32, found {}", zeros->dtype));
    return out;
  }
  return {scales->bytes.data(), *encoding, zeros->bytes.data(), groups, outputs, bits};
}

void pass_over_zero_bias(TensorFinder& find, const std::string& module) {
  const StoredTensor* bias = find.weights().find(module + ".bias");
  if (bias != nullptr && holds_zeros(*bias)) find.skip(module + ".bias");
}

}  // namespace pastonly::checkpoint
