#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {

void read_mixtral(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_local_experts", "intermediate_size", out);
  read_softmax_router(config, out, true);
  set_window(config, out);
}

}  // namespace pastonly::checkpoint
