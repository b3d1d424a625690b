#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string_view>

#include "cli/cli.h"
#include "cli/lost_thread.h"
#include "cli/messages.h"
#include "cli/sigbus_handler.h"

int main(int argc, char** argv) {
  // A reader that has gone (`| head`) is an error of writing, answered like any other: nothing half-written
  // stays.
  std::signal(SIGPIPE, SIG_IGN);
  // So is a file that grows beyond what the system allows.
  std::signal(SIGXFSZ, SIG_IGN);
  pastonly::cli::hold_standard_streams();
  pastonly::cli::install_sigbus_handler();
  pastonly::cli::install_lost_thread_handler();
  try {
    return pastonly::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    pastonly::cli::tell("pastonly: not enough memory\n");
    return 2;
  } catch (const std::exception& error) {
    // The system library and that of threads have two errors for it, one of them told by its text alone.
    if (std::string_view(error.what()).find("Resource temporarily unavailable") != std::string_view::npos) {
      pastonly::cli::tell("pastonly: not enough memory: no further thread could be started\n");
      return 2;
    }
    // The last catch: expected failures are values, so this is a bug.
    std::fprintf(stderr, "pastonly: internal error: %s\n", error.what());
    return 2;
  }
}
