#pragma once

#include <string>

namespace pastonly::session {

/// UTC now, "2026-01-31T12:00:00Z".
std::string utc_now();
/// Its date, "2026-01-31".
std::string utc_today();

}  // namespace pastonly::session
