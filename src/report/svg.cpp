#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/text/printable.h"
#include "report/chart_parts.h"
#include "report/paragraph.h"
#include "report/told_findings.h"

namespace pastonly::report {
namespace {

constexpr double picture_width = 960.0;
constexpr double panel_gap = 28.0;

/// What a chart shows, below it, in lines of the picture's width.
Drawing with_caption(Drawing drawing, const std::string& about) {
  constexpr int caption_width = 140;  // characters
  constexpr double caption_pitch = 16.0;
  if (about.empty()) return drawing;
  const std::string lines = wrapped(cut_to(about, 2'000), 0, caption_width);
  for (std::string_view rest = lines; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    drawing.height += caption_pitch;
    drawing.body += text_at(chart_margin, drawing.height - 4.0, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  drawing.height += 4.0;
  return drawing;
}

std::string panel(const Drawing& drawing, double top) {
  return fmt::format("<g transform=\"translate(0 {:.1f})\">\n{}</g>\n", top, drawing.body);
}

/// A heading and, below it, the charts of one list of checks.
void add_charts(const std::vector<Report::CheckEntry>& checks, const std::string& of, std::string& body,
                double& top) {
  for (const Report::CheckEntry& check : checks) {
    for (const Chart& chart : check.charts) {
      Chart named = chart;
      named.title = fmt::format("{}{}: {}", of, check.id, chart.title);
      const Drawing drawing = with_caption(draw(named, picture_width), chart.about);
      body += panel(drawing, top);
      top += drawing.height + panel_gap;
    }
  }
}

void add_report(const Report& report, std::string& body, double& top) {
  add_charts(report.checks, report.beside.empty() ? "" : report.subject.name + ", ", body, top);
  if (report.experiment) {
    for (const auto& arm : report.experiment->arms) add_charts(arm.checks, arm.name + ", ", body, top);
  }
  for (const Report& other : report.beside) add_report(other, body, top);
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : input::printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Numbers on shades keep a contrast of 4.5 to 1.
std::string_view svg_style() noexcept {
  return R"(svg{font:13px system-ui,sans-serif;color:#1f2328;background:#fff}
text{fill:currentColor}.title{font-weight:600;font-size:15px}.small{font-size:11px;opacity:.8}.cell{font-size:11px}
.axis{stroke:currentColor;stroke-opacity:.5;fill:none}.grid{stroke:currentColor;stroke-opacity:.13;fill:none}
.line{fill:none;stroke-width:2}.unknown{fill:currentColor;fill-opacity:.06}
.above{fill:#ff8a3d}.below{fill:#6cb6ff}.crime{fill:#b3261e}
@media (prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}
.above{fill:#b03a08}.below{fill:#1a5fc4}.crime{fill:#ff8a80}}
)";
}

std::string write_svg(const Report& report, const TextStyle&) {
  std::string body;
  double top = 58.0;
  add_report(report, body, top);
  if (body.empty()) {
    body = fmt::format("<text x=\"16\" y=\"{:.1f}\">No check of this report draws a chart.</text>\n", top);
    top += panel_gap;
  }
  const std::string title = xml_text(fmt::format("pastonly: {}", report.subject.name));
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" role=\"img\" aria-labelledby=\"t\">\n<title id=\"t\">{2}</title>\n"
      "<style>{3}</style>\n<text x=\"16\" y=\"30\" class=\"title\">{2}</text>\n{4}</svg>\n",
      picture_width, top, title, svg_style(), body);
}

}  // namespace pastonly::report
