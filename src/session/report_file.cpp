#include "session/report_file.h"

#include "input/files/mapped_file.h"
#include "report/writer.h"

namespace pastonly::session {

Expected<Report> read_report(const std::string& path) {
  constexpr std::size_t largest = std::size_t{1} << 30;
  const auto bytes = input::read_text(path, largest);
  if (!bytes) return tl::unexpected(bytes.error());
  return report::parse_report(*bytes, path);
}

}  // namespace pastonly::session
