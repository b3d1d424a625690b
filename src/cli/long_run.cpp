#include "cli/long_run.h"

#include <utility>

namespace pastonly::cli {

session::Environment LongRun::environment() {
  Watch watch = progress_.watch();
  watch.stop = [] { return Interrupt::requested(); };
  return {session_.arguments, session_.threads, std::move(watch),
          [this](std::string_view line) { progress_.say(line); }};
}

}  // namespace pastonly::cli
