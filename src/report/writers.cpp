#include <algorithm>
#include <array>

#include "report/github.h"
#include "report/gitlab.h"
#include "report/html.h"
#include "report/json.h"
#include "report/junit.h"
#include "report/markdown.h"
#include "report/sarif.h"
#include "report/svg.h"
#include "report/text.h"
#include "report/writer.h"

namespace pastonly::report {

std::span<const Writer> writers() noexcept {
  static constexpr auto all = std::to_array<Writer>({
      {"text", &write_text},
      {"json", [](const Report& report, const TextStyle&) { return write_json(report); }},
      {"svg", &write_svg},
      {"sarif", &write_sarif},
      {"junit", &write_junit},
      {"gitlab", &write_gitlab},
      {"github", &write_github},
      {"markdown", &write_markdown},
      {"html", &write_html},
  });
  return all;
}

std::string format_names(std::string_view last_joint) {
  std::string names;
  for (const Writer& writer : writers()) {
    if (!names.empty()) names += &writer == &writers().back() ? last_joint : ", ";
    names += writer.format;
  }
  return names;
}

const Writer* find_writer(std::string_view format) noexcept {
  const auto all = writers();
  const auto found = std::ranges::find(all, format, &Writer::format);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace pastonly::report
