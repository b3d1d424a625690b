#pragma once

namespace pastonly::cli {

/// Files are mapped. Where one is cut short, or its disk fails, while it is read, the system sends SIGBUS;
/// from this call on the process then names the file on stderr and exits with code 2 (not completed).
void install_sigbus_handler();

}  // namespace pastonly::cli
