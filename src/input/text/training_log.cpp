#include "input/text/training_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>

#include "input/files/mapped_file.h"
#include "input/text/csv.h"
#include "input/text/parse_json.h"
#include "input/text/printable.h"
#include "input/text/training_log_points.h"

namespace pastonly::input {

LogPoints::LogPoints(const LogOptions& told, const Stop& asked)
    : options(told), stop(asked), scale_(told.unit == LossUnit::nats ? 1.0 / std::numbers::ln2 : 1.0) {
  log.step_key = told.step;
  log.loss_key = told.loss;
}

bool LogPoints::add(double step, double loss, std::string_view where) {
  if (!std::isfinite(step) || step < 0.0) return fail(where, "the step is not a number from 0 on");
  if (!std::isfinite(loss)) return fail(where, "the loss is not finite");
  if (loss < 0.0) return fail(where, "the loss is negative; a cross-entropy is at least 0");
  while (!log.steps.empty() && log.steps.back() >= step) {
    log.steps.pop_back();
    log.losses.pop_back();
  }
  log.steps.push_back(step);
  log.losses.push_back(loss * scale_);
  return true;
}

bool LogPoints::fail(std::string_view where, std::string_view why) {
  if (problem.empty()) problem = fmt::format("{}: {}", where, why);
  return false;
}

namespace {

constexpr std::size_t lines_between_looks = 4096;  // between two questions whether to stop
constexpr std::size_t largest_file = std::size_t{1} << 28;
template <std::size_t N>
std::string one_of(const std::array<std::string_view, N>& keys) {
  return fmt::format("{}", fmt::join(keys, ", "));
}

std::string missing_keys(std::string_view found, const LogOptions& told) {
  const std::string steps = told.step.empty() ? one_of(names_of_step) : told.step;
  const std::string losses = told.loss.empty() ? one_of(names_of_loss) : told.loss;
  return fmt::format(
      "no column for steps ({}) and losses ({}) among {}; --map step=NAME and --map loss=NAME name others",
      steps, losses, found.substr(0, 200));
}

/// The first of the keys that the object has.
template <std::size_t N>
std::optional<std::string_view> key_of(const Json& object, const std::array<std::string_view, N>& keys) {
  for (const std::string_view key : keys) {
    if (object.contains(key)) return key;
  }
  return std::nullopt;
}

std::string keys_of(const Json& object) {
  std::string out;
  for (const auto& [key, value] : object.items()) out += (out.empty() ? "" : ", ") + key;
  return out;
}

constexpr std::array<std::string_view, 3> not_numbers{"-Infinity", "Infinity", "NaN"};

bool not_a_number(std::string_view text) { return std::ranges::find(not_numbers, text) != not_numbers.end(); }

/// Python's json writes NaN and Infinity, which JSON does not have: the same text with them as strings.
std::string with_quoted_numbers(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 64);
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      in_string = c != '"';
      continue;
    }
    const auto word = std::ranges::find_if(
        not_numbers, [&](std::string_view one) { return text.substr(i).starts_with(one); });
    if (word != not_numbers.end()) {
      out += fmt::format("\"{}\"", *word);
      i += word->size() - 1;
      continue;
    }
    in_string = c == '"';
    out += c;
  }
  return out;
}

bool has_not_numbers(std::string_view text) {
  return text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
}

/// One record; those without a loss say nothing. Every record is read by the keys of the first that has both.
bool add_record(const Json& record, std::string_view where, LogPoints& out) {
  if (!record.is_object()) return out.fail(where, "is not an object");
  TrainingLog& log = out.log;
  if (log.loss_key.empty() || log.step_key.empty()) {
    const auto step =
        log.step_key.empty() ? key_of(record, names_of_step) : std::optional(std::string_view(log.step_key));
    const auto loss =
        log.loss_key.empty() ? key_of(record, names_of_loss) : std::optional(std::string_view(log.loss_key));
    if (!step || !loss || !record.contains(*loss)) return true;
    log.step_key = *step;
    log.loss_key = *loss;
  }
  const auto loss = record.find(log.loss_key), step = record.find(log.step_key);
  if (loss == record.end() || loss->is_null()) return true;
  if (step == record.end()) return out.fail(where, fmt::format("has a loss and no '{}'", log.step_key));
  if (loss->is_string() && not_a_number(loss->get_ref<const std::string&>()))
    return out.fail(where, "the loss is not finite");
  if (!step->is_number() || !loss->is_number())
    return out.fail(where, fmt::format("'{}' and '{}' must be numbers", log.step_key, log.loss_key));
  return out.add(step->get<double>(), loss->get<double>(), where);
}

void read_history(const Json& document, std::string_view list, LogPoints& out) {
  if (!document.is_array()) {
    out.fail(list, "is not a list");
    return;
  }
  std::size_t place = 0;
  for (const Json& record : document) {
    if (!add_record(record, fmt::format("{}[{}]", list, place++), out)) return;
  }
  if (out.log.steps.empty() && out.log.step_key.empty() && !document.empty() && document.front().is_object())
    out.fail(fmt::format("{}[0]", list), missing_keys(keys_of(document.front()), out.options));
}

/// Calls `use` with every line that holds something, and its number from 1, until it says no.
template <class Use>
void each_line(std::string_view text, Use use) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (!use(line, number)) return;
  }
}

void read_lines(std::string_view text, LogPoints& out) {
  std::string first_keys;
  each_line(text, [&](std::string_view line, std::size_t number) {
    if (number % lines_between_looks == 0 && out.stop()) return !(out.interrupted = true);
    const std::string where = fmt::format("line {}", number);
    const auto record = parse_json(line, where, Error::Kind::input);
    if (!record) return out.fail(where, "is not a JSON object");
    if (first_keys.empty() && record->is_object()) first_keys = keys_of(*record);
    return add_record(*record, where, out);
  });
  if (out.log.steps.empty() && (out.log.loss_key.empty() || out.log.step_key.empty()))
    out.fail("line 1", missing_keys(first_keys, out.options));
}

std::optional<double> number_in(std::string_view field) {
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  while (!field.empty() && field.back() == ' ') field.remove_suffix(1);
  double value = 0.0;
  const auto [at, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || at != field.data() + field.size()) return std::nullopt;
  return value;
}

/// The column of that name; or, where no column has it alone, the one column that has it behind a run's
/// ("run1 - train/loss"). Several: all of them.
std::vector<std::size_t> columns_called(const std::vector<std::string>& names, std::string_view key) {
  std::vector<std::size_t> exact, of_runs;
  const std::string behind = fmt::format(" - {}", key);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == key) exact.push_back(i);
    if (names[i].ends_with(behind)) of_runs.push_back(i);
  }
  return exact.empty() ? of_runs : exact;
}

template <std::size_t N>
std::vector<std::size_t> columns_of(const std::vector<std::string>& names, const std::string& told,
                                    const std::array<std::string_view, N>& keys) {
  if (!told.empty()) return columns_called(names, told);
  for (const std::string_view key : keys) {
    if (auto found = columns_called(names, key); !found.empty()) return found;
  }
  return {};
}

/// The one column of steps, or of losses; several are runs of which one must be named.
bool one_column(const std::vector<std::string>& names, const std::vector<std::size_t>& found,
                const char* what, std::string_view where, LogPoints& out) {
  if (found.size() == 1) return true;
  std::string all;
  for (const std::size_t column : found) all += fmt::format("{}'{}'", all.empty() ? "" : ", ", names[column]);
  if (std::ranges::all_of(found, [&](std::size_t column) { return names[column] == names[found.front()]; }))
    return out.fail(where, fmt::format("several columns are called '{}'", names[found.front()]));
  return out.fail(
      where, fmt::format("holds several runs: {}; name one with --map {}=COLUMN", all.substr(0, 300), what));
}

void read_table(std::string_view text, LogPoints& out) {
  std::optional<std::size_t> step, loss;
  std::size_t columns = 0;
  char separator = ',';
  each_line(text, [&](std::string_view line, std::size_t number) {
    if (number % lines_between_looks == 0 && out.stop()) return !(out.interrupted = true);
    const std::string where = fmt::format("line {}", number);
    if (columns == 0) {
      separator = line.find('\t') != std::string_view::npos ? '\t' : ',';
      const auto names = csv_fields(line, separator);
      columns = names.size();
      const auto steps = columns_of(names, out.options.step, names_of_step);
      const auto losses = columns_of(names, out.options.loss, names_of_loss);
      if (steps.empty() || losses.empty())
        return out.fail(where, missing_keys(fmt::format("{}", fmt::join(names, ", ")), out.options));
      if (!one_column(names, steps, LogOptions::step_part, where, out) ||
          !one_column(names, losses, LogOptions::loss_part, where, out))
        return false;
      step = steps.front();
      loss = losses.front();
      out.log.step_key = names[*step];
      out.log.loss_key = names[*loss];
      return true;
    }
    const auto fields = csv_fields(line, separator);
    if (fields.size() != columns)
      return out.fail(where, fmt::format("{} fields, the first line names {}", fields.size(), columns));
    if (fields[*loss].empty()) return true;
    const auto at = number_in(fields[*step]), value = number_in(fields[*loss]);
    if (!at || !value) return out.fail(where, "step and loss must be numbers");
    return out.add(*at, *value, where);
  });
}

/// A line that ends the object it begins: one of many, whatever is wrong inside.
bool is_whole_object(std::string_view line) {
  return line.front() == '{' && line[line.find_last_not_of(" \t\r")] == '}';
}

void read_json(std::string_view text, LogPoints& out) {
  std::string_view first = text.substr(text.find_first_not_of(" \t\r\n"));
  first = first.substr(0, first.find('\n'));
  auto line = parse_json(first, "", Error::Kind::input, false, out.stop);
  if (line && line->is_object() && !line->contains("log_history")) return read_lines(text, out);
  if (!line && line.error().kind == Error::Kind::input && is_whole_object(first))
    return read_lines(text, out);
  // A document in one line has been read.
  const bool whole = line && text.find_last_not_of(" \t\r\n") < first.data() - text.data() + first.size();
  const bool ended = !line && line.error().kind == Error::Kind::interrupted;
  const auto document = whole || ended
                            ? std::move(line)
                            : parse_json(text, "as a document", Error::Kind::input, false, out.stop);
  if (!document && document.error().kind == Error::Kind::interrupted) {
    out.interrupted = true;
  } else if (!document) {
    out.fail("the file",
             "is neither one JSON object a line nor one JSON document; " + document.error().message);
  } else if (document->is_array()) {
    read_history(*document, "", out);
  } else if (document->is_object() && document->contains("log_history")) {
    read_history((*document)["log_history"], "log_history", out);
  } else {
    out.fail("the file", "is a JSON document without 'log_history'; a log is one object a line");
  }
}

/// Whether the text is lines that a training printed; their points, or what is wrong with them, are then in
/// `out`.
bool are_printed_lines(std::string_view text, LogPoints& out) {
  LogPoints lines(out.options, out.stop);
  read_printed_lines(text, lines);
  if (lines.log.steps.empty() && lines.problem.empty() && !lines.interrupted) return false;
  out.problem = std::move(lines.problem);
  out.log = std::move(lines.log);
  out.interrupted = lines.interrupted;
  return true;
}

void read_any(std::string_view text, std::size_t start, LogPoints& out) {
  if (is_event_file(text)) return read_event_file(text, out);
  // A printed line may begin with its time in brackets.
  if (text[start] == '[' && are_printed_lines(text, out)) return;
  if (text[start] == '{' || text[start] == '[') {
    if (!has_not_numbers(text)) return read_json(text, out);
    return read_json(with_quoted_numbers(text), out);
  }
  read_table(text, out);
  // A table without the right columns may be printed lines; its own complaint stands otherwise.
  if (!out.problem.empty() && out.log.steps.empty() && !out.interrupted) are_printed_lines(text, out);
}

}  // namespace

Expected<TrainingLog> parse_training_log(std::string_view text, std::string_view name,
                                         const LogOptions& options, const Stop& stop) {
  if (text.size() > largest_file)
    return input_error(
        fmt::format("{}: {} bytes, more than the {} that a log may have", name, text.size(), largest_file));
  // The marks that some editors and spreadsheets begin a file with.
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return input_error(fmt::format("{}: is in UTF-16; save it in UTF-8", name));
  LogPoints out(options, stop);
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return input_error(fmt::format("{}: is empty", name));
  read_any(text, start, out);
  if (out.interrupted) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
  if (out.problem.empty() && out.log.steps.empty())
    out.problem = out.log.loss_key.empty()
                      ? "holds no loss"
                      : fmt::format("holds no loss: '{}' has no value", out.log.loss_key);
  if (!out.problem.empty()) return input_error(printable(fmt::format("{}: {}", name, out.problem)));
  out.log.path = name;
  return std::move(out.log);
}

Expected<TrainingLog> read_training_log(const std::filesystem::path& path, const LogOptions& options,
                                        const Stop& stop) {
  const auto text = read_text(path, largest_file);
  if (!text) return tl::unexpected(text.error());
  return parse_training_log(*text, path.string(), options, stop);
}

}  // namespace pastonly::input
