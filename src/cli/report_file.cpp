#include "cli/report_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "report/writer.h"

namespace pastonly::cli {

Expected<Report> read_report(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (file) bytes << file.rdbuf();
  if (!file || !bytes) return input_error(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  return report::parse_report(bytes.str(), path);
}

}  // namespace pastonly::cli
