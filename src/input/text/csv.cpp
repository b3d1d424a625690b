#include "input/text/csv.h"

namespace pastonly::input {
namespace {

std::string without_spaces(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::vector<std::string> csv_fields(std::string_view line, char separator) {
  std::vector<std::string> fields;
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      field += line[++i];
    } else if (c == '"' && (quoted || without_spaces(field).empty())) {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      fields.push_back(without_spaces(field));
      field.clear();
    } else {
      field += c;
    }
  }
  fields.push_back(without_spaces(field));
  return fields;
}

}  // namespace pastonly::input
