#include "session/clock.h"

#include <fmt/chrono.h>

#include <ctime>

namespace pastonly::session {

std::string utc_now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }
std::string utc_today() { return utc_now().substr(0, 10); }

}  // namespace pastonly::session
