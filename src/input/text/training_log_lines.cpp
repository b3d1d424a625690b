#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <vector>

#include "input/text/training_log_points.h"

namespace pastonly::input {
namespace {

constexpr std::size_t lines_between_questions = 4096;
constexpr std::size_t longest_line = std::size_t{1} << 16;

/// Without the escape sequences that colour a terminal.
std::string plain(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\x1b' || i + 1 >= line.size() || line[i + 1] != '[') {
      out += line[i];
      continue;
    }
    i += 2;
    while (i < line.size() && std::isalpha(static_cast<unsigned char>(line[i])) == 0) ++i;
  }
  return out;
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

/// Whether what stands before a name leaves it a name of its own: val_loss is no loss, and neither is the
/// loss of "aux loss".
bool stands_alone(std::string_view line, std::size_t at) {
  if (at == 0) return true;
  const char before = line[at - 1];
  if (!is_space(before))
    return before == '|' || before == ',' || before == '(' || before == '[' || before == ';';
  while (at > 0 && is_space(line[at - 1])) --at;
  return at == 0 || std::isalpha(static_cast<unsigned char>(line[at - 1])) == 0;
}

/// The number after "name", "name:", "name =" and the like; of steps it may be followed by "/" and their
/// total.
std::optional<double> number_after(std::string_view line, std::string_view name) {
  for (std::size_t at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
    if (!stands_alone(line, at)) continue;
    std::size_t i = at + name.size();
    while (i < line.size() && is_space(line[i])) ++i;
    if (i < line.size() && (line[i] == ':' || line[i] == '=')) ++i;
    while (i < line.size() && is_space(line[i])) ++i;
    if (i == at + name.size()) continue;  // "steps", "step_avg"
    double value = 0.0;
    const auto read = std::from_chars(line.data() + i, line.data() + line.size(), value);
    if (read.ec == std::errc()) return value;
  }
  return std::nullopt;
}

/// The longest names first: lm loss before loss.
template <class Names>
std::vector<std::string_view> tried(const std::string& told, const Names& names) {
  if (!told.empty()) return {told};
  std::vector<std::string_view> out(names.begin(), names.end());
  std::ranges::stable_sort(out, std::ranges::greater(), &std::string_view::size);
  return out;
}

}  // namespace

void read_printed_lines(std::string_view text, LogPoints& out) {
  auto steps = tried(out.options.step, names_of_step), losses = tried(out.options.loss, names_of_loss);
  for (std::size_t number = 1; !text.empty(); ++number) {
    if (number % lines_between_questions == 0 && out.stop()) {
      out.interrupted = true;
      return;
    }
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line = plain(text.substr(0, std::min(end, longest_line)));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto first = [&](const std::vector<std::string_view>& names)
        -> std::optional<std::pair<std::string_view, double>> {
      for (const std::string_view name : names) {
        if (const auto value = number_after(line, name)) return std::pair(name, *value);
      }
      return std::nullopt;
    };
    const auto step = first(steps), loss = first(losses);
    if (!step || !loss) continue;
    if (!out.add(step->second, loss->second, fmt::format("line {}", number))) return;
    // Every line is read by the names of the first.
    out.log.step_key = step->first;
    out.log.loss_key = loss->first;
    steps = {step->first};
    losses = {loss->first};
  }
}

}  // namespace pastonly::input
