#include "audits/shared/seen_router.h"

namespace pastonly::audits {

SeenRouter seen_router(const Weights& weights, std::size_t position) {
  SeenRouter out{weights.layer(position), {}};
  const std::size_t width = out.layer.width;
  out.rows.resize(out.layer.experts, width);
  for (std::size_t i = 0; i < out.layer.experts; ++i) {
    double* row = out.rows.row(i);
    double mean = 0.0;
    for (std::size_t c = 0; c < width; ++c) {
      row[c] = static_cast<double>(out.layer.router[i * width + c]) * static_cast<double>(out.layer.gain[c]);
      mean += row[c] / static_cast<double>(width);
    }
    for (std::size_t c = 0; c < width && out.layer.centred; ++c) row[c] -= mean;
  }
  return out;
}

}  // namespace pastonly::audits
