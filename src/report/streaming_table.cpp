#include "report/streaming_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "pastonly/names.h"
#include "report/paragraph.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

struct Streamed {
  std::string replayed = "-", run = "-";  ///< the rule applied again, and a recorded run
  friend bool operator==(const Streamed&, const Streamed&) = default;
};

std::string share_words(const Measurement& figure) {
  std::string out = fmt::format("{:.2f}%", 100.0 * figure.value);
  if (figure.lower && figure.upper)
    out += fmt::format(" [{:.2f}, {:.2f}]", 100.0 * *figure.lower, 100.0 * *figure.upper);
  return out;
}

}  // namespace

std::string streaming_table(const Report& report, const TextStyle& style) {
  std::map<std::uint32_t, Streamed> layers;
  bool shown = false;
  for (const auto& check : report.checks) {
    for (const Measurement& figure : check.measurements) {
      if (!figure.layer) continue;
      const bool run = figure.name == measurement::stream_flip_rate_decisions;
      if (!run && figure.name != measurement::streaming_flip_rate) continue;
      Streamed& row = layers[raw(*figure.layer)];
      (run ? row.run : row.replayed) = share_words(figure);
      shown = shown || run || figure.value > 0.0;
    }
  }
  if (!shown) return "";
  std::vector<Row> rows{{"layer", "rule applied again", "run of its own"}};
  for (auto at = layers.begin(); at != layers.end();) {
    const auto first = at;
    while (at != layers.end() && at->second == first->second) ++at;
    const auto last = std::prev(at)->first;
    rows.push_back({first->first == last ? fmt::format("{}", last) : fmt::format("{}-{}", first->first, last),
                    first->second.replayed, first->second.run});
  }
  return "\n" + inked("Streaming", Ink::bold, style.color) + "\n" + aligned(rows, style.color) +
         table_note("decisions that come out differently when a token is routed with nothing after it",
                    style.width);
}

}  // namespace pastonly::report
