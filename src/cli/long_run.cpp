#include "cli/long_run.h"

namespace pastonly::cli {

session::Environment LongRun::environment() {
  return {session_.arguments,
          session_.threads,
          {[this](double fraction, std::string_view what) { progress_.report(fraction, what); },
           [] { return Interrupt::requested(); }},
          [this](std::string_view line) { progress_.say(line); }};
}

}  // namespace pastonly::cli
