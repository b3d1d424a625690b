#include "checkpoint/quantised.h"

#include <array>
#include <string_view>

namespace pastonly::checkpoint {
namespace {

constexpr std::array formats{&gptq_format, &awq_format,   &bitsandbytes_format, &packed_integer_format,
                             &fp4_format,  &mxfp4_format, &gguf_format};

}  // namespace

const QuantisedFormat* quantised_format(const Weights& weights, const std::string& name) {
  for (const QuantisedFormat* format : formats) {
    if (format->stands(weights, name)) return format;
  }
  return nullptr;
}

std::optional<LedMatrix> led_matrix(const TensorFinder& find, const StoredTensor& tensor) {
  for (const QuantisedFormat* format : formats) {
    if (auto led = format->led(find, tensor)) return led;
  }
  return std::nullopt;
}

std::string module_of(const std::string& name) {
  constexpr std::string_view weight = ".weight";
  return name.ends_with(weight) ? name.substr(0, name.size() - weight.size()) : name;
}

}  // namespace pastonly::checkpoint
