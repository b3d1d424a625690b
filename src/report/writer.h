#pragma once

#include <span>
#include <string>
#include <string_view>

#include "pastonly/error.h"
#include "pastonly/report.h"

namespace pastonly::report {

struct TextStyle {
  bool color = false;
  unsigned width = 100;
};

/// A report format: a pure function from report to bytes. Opens no files.
struct Writer {
  std::string_view format;  ///< "json", "text", "svg"
  std::string (*write)(const Report&, const TextStyle&);
};
/// The only list of formats; the first is the default.
std::span<const Writer> writers() noexcept;
/// Their names: "text, json"; with a last joint of " or " "text or json".
std::string format_names(std::string_view last_joint = ", ");
const Writer* find_writer(std::string_view format) noexcept;

/// The inverse of the JSON writer; strict about the schema version, tolerant of added keys.
Expected<Report> parse_report(std::string_view json, std::string_view name);

}  // namespace pastonly::report
