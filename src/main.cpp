#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/cli.h"
#include "cli/sigbus_handler.h"

int main(int argc, char** argv) {
  // A reader that has gone (`| head`) is an error of writing, answered like any other: nothing half-written
  // stays.
  std::signal(SIGPIPE, SIG_IGN);
  pastonly::cli::install_sigbus_handler();
  try {
    return pastonly::cli::run(argc, argv);
  } catch (const std::exception& error) {
    // The last catch: expected failures are values, so this is a bug or a lack of memory.
    std::fprintf(stderr, "pastonly: internal error: %s\n", error.what());
    return 2;
  }
}
