#pragma once

namespace pastonly::cli {

/// libtbb starts threads from threads of its own; where the system refuses one (memory, number of processes),
/// the exception has nobody to catch it. From this call on the process then says so and exits with code 2
/// (not completed).
void install_lost_thread_handler();

}  // namespace pastonly::cli
