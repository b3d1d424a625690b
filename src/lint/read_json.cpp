#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lint/list_items.h"
#include "lint/readers.h"

namespace pastonly::lint {
namespace {

/// Feeds the parser, and counts the lines that it has taken.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::uint64_t* line) : at_(at), line_(line) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    if (*at_ == '\n') ++*line_;
    ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  std::uint64_t* line_;
};

struct JsonLevel {
  bool object = false;
  std::size_t block = 0;
  std::string key = {};
  std::uint64_t line = 1;
  ListItems items = {};
};

/// nlohmann's SAX interface.
class JsonEvents {
 public:
  using Json = nlohmann::json;
  JsonEvents(Document& document, const std::uint64_t& line) : document_(document), line_(line) {}

  bool null() { return scalar(""); }
  bool boolean(bool value) { return scalar(value ? "true" : "false"); }
  bool number_integer(Json::number_integer_t value) { return scalar(std::to_string(value)); }
  bool number_unsigned(Json::number_unsigned_t value) { return scalar(std::to_string(value)); }
  bool number_float(Json::number_float_t, const std::string& text) { return scalar(text); }
  bool string(std::string& value) { return scalar(value); }
  bool binary(Json::binary_t&) { return true; }
  bool start_object(std::size_t) { return begin(true); }
  bool key(std::string& name) {
    levels_.back().key = name;
    levels_.back().line = line_;
    return true;
  }
  bool end_object() { return end(); }
  bool start_array(std::size_t) { return begin(false); }
  bool end_array() { return end(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 3, column 1: syntax error while ..."
    std::string said = error.what();
    const std::size_t at = said.find(": ");
    if (at != std::string::npos) said.erase(0, at + 2);
    error_ = fmt::format("line {}: {}", line_, said);
    return false;
  }
  const std::string& error() const { return error_; }

 private:
  bool begin(bool object) {
    constexpr std::size_t most_levels = 500;
    if (levels_.size() >= most_levels) {
      error_ = fmt::format("line {}: more than {} levels", line_, most_levels);
      return false;
    }
    JsonLevel level;
    level.object = object;
    if (!levels_.empty()) {
      const JsonLevel& outer = levels_.back();
      level.block = object ? document_.open(outer.block, outer.key, outer.line) : outer.block;
      level.line = outer.line;
      if (!object) level.key = outer.key;
    }
    levels_.push_back(std::move(level));
    return !document_.full();
  }

  bool end() {
    JsonLevel level = std::move(levels_.back());
    levels_.pop_back();
    if (!level.object) level.items.close(document_, level.block, level.key, level.line);
    return true;
  }

  bool scalar(const std::string& value) {
    if (levels_.empty()) return true;
    JsonLevel& level = levels_.back();
    if (level.object) {
      if (value.find(' ') != std::string::npos && holds_options(value))
        add_command_line(document_, level.block, value, level.line);
      else
        document_.add(level.block, level.key, value, level.line);
      return !document_.full();
    }
    level.items.add(value, line_);
    return true;
  }

  Document& document_;
  const std::uint64_t& line_;
  std::vector<JsonLevel> levels_;
  std::string error_;
};

}  // namespace

Expected<Document> read_json(std::string_view text) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (text.rfind(mark, 0) == 0) text.remove_prefix(mark.size());
  Document document;
  std::uint64_t line = 1;
  JsonEvents events(document, line);
  const bool whole = nlohmann::json::sax_parse(CountingIterator(text.data(), &line),
                                               CountingIterator(text.data() + text.size(), &line), &events,
                                               nlohmann::json::input_format_t::json, /*strict=*/true,
                                               /*ignore_comments=*/true);
  if (!whole && !document.full()) return input_error(events.error() + " (JSON)");
  return document;
}

}  // namespace pastonly::lint
