#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {

void read_minimax_m2(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_local_experts", "intermediate_size", out);
  read_corrected_router(config, out, true, {});
  auto& attention = out.attention;
  attention.qk_norm = QkNorm::whole;
  // What was published says how much of a head turns by its width.
  const std::size_t width = attention.key_width, turning = config.count("rotary_dim", width, 1, width);
  if (turning % 2 != 0)
    config.reject("rotary_dim", "expected an even number: rotary embeddings rotate pairs");
  RotaryDescription usual;
  usual.theta = 5e6;
  attention.rotary =
      read_rotary(config, width, usual, static_cast<double>(turning) / static_cast<double>(width));
}

}  // namespace pastonly::checkpoint
