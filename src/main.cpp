#include <cstdio>
#include <exception>

#include "cli/cli.h"

int main(int argc, char** argv) {
  try {
    return pastonly::cli::run(argc, argv);
  } catch (const std::exception& error) {
    // The last catch: expected failures are values, so this is a bug or a lack of memory.
    std::fprintf(stderr, "pastonly: internal error: %s\n", error.what());
    return 2;
  }
}
