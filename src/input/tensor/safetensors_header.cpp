#include "input/tensor/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "input/text/parse_json.h"

namespace pastonly::input {

namespace {

/// Follows the header's few levels: {tensor: {dtype, shape: [..], data_offsets: [..]}, __metadata__: {..}}.
/// Returning false from an event stops the parser; `problem` then says why.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  SafetensorsHeader header;
  std::string problem;

  bool null() override { return value("null"); }
  bool boolean(bool) override { return value("a boolean"); }
  bool number_integer(number_integer_t number) override {
    if (skipping_ > 0 || state_ == State::ignored_value) return ignored();
    return fail(fmt::format("{} is negative", number));
  }
  bool number_unsigned(number_unsigned_t number) override;
  bool number_float(number_float_t, const string_t& text) override {
    return value(fmt::format("{}, which is not a whole number of 64 bits", text.substr(0, 40)));
  }
  bool string(string_t& text) override;
  bool binary(binary_t&) override { return value("binary data"); }
  bool start_object(std::size_t) override;
  bool key(string_t& text) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
    problem = fmt::format("header is not valid JSON at byte {}: {}", position, without_number(error.what()));
    return false;
  }

 private:
  enum class State {
    start,
    names,           // inside the outer object
    metadata,        // after the key __metadata__
    metadata_value,  // inside it
    tensor,          // after a tensor's name
    fields,          // inside a tensor's object
    dtype,
    shape,
    shape_numbers,
    offsets,
    offsets_numbers,
    ignored_value,
    done,
  };

  bool fail(std::string_view why) {
    problem = !in_tensor_ ? std::string(why) : fmt::format("tensor '{}': {}", tensor_.name, why);
    return false;
  }
  bool ignored() {
    if (skipping_ == 0) state_ = State::fields;
    return true;
  }
  /// Any scalar that no state but an ignored one expects.
  bool value(std::string_view what) {
    if (skipping_ > 0 || state_ == State::ignored_value) return ignored();
    return fail(fmt::format("expected {}, found {}", expected(), what));
  }
  std::string expected() const;
  bool finish_tensor();

  State state_ = State::start;
  int skipping_ = 0;  // open brackets inside a value that is ignored
  HeaderEntry tensor_;
  bool in_tensor_ = false;
  std::string metadata_key_;
  bool has_metadata_ = false, has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
  std::vector<std::size_t> offsets_;
};

std::string HeaderReader::expected() const {
  switch (state_) {
    case State::metadata:
      return "an object under __metadata__";
    case State::metadata_value:
      return fmt::format("a string for __metadata__ key '{}'", metadata_key_);
    case State::dtype:
      return "a string for dtype";
    case State::shape:
      return "an array for shape";
    case State::shape_numbers:
      return "whole numbers in shape";
    case State::offsets:
      return "an array for data_offsets";
    case State::offsets_numbers:
      return "whole numbers in data_offsets";
    default:
      return "an object";
  }
}

bool HeaderReader::number_unsigned(number_unsigned_t number) {
  if (skipping_ == 0 && state_ == State::shape_numbers) {
    tensor_.shape.push_back(number);
    return true;
  }
  if (skipping_ == 0 && state_ == State::offsets_numbers) {
    offsets_.push_back(number);
    return offsets_.size() <= 2 || fail("data_offsets has more than two numbers");
  }
  return value("a number");
}

bool HeaderReader::string(string_t& text) {
  if (skipping_ == 0 && state_ == State::dtype) {
    tensor_.dtype = std::move(text);
    state_ = State::fields;
    return true;
  }
  if (skipping_ == 0 && state_ == State::metadata_value) {
    if (header.metadata.emplace(metadata_key_, std::move(text)).second) return true;
    return fail(fmt::format("__metadata__ key '{}' occurs twice", metadata_key_));
  }
  return value("a string");
}

bool HeaderReader::start_object(std::size_t) {
  if (skipping_ > 0 || state_ == State::ignored_value) return ++skipping_, true;
  switch (state_) {
    case State::start:
      state_ = State::names;
      return true;
    case State::metadata:
      state_ = State::metadata_value;
      return true;
    case State::tensor:
      state_ = State::fields;
      return true;
    default:
      return value("an object");
  }
}

bool HeaderReader::key(string_t& text) {
  if (skipping_ > 0) return true;
  if (state_ == State::metadata_value) {
    metadata_key_ = std::move(text);
    return true;
  }
  if (state_ == State::names) {
    if (text == "__metadata__") {
      state_ = State::metadata;
      if (has_metadata_) return fail("key '__metadata__' occurs twice");
      has_metadata_ = true;
      return true;
    }
    tensor_ = HeaderEntry{};
    offsets_.clear();
    has_dtype_ = has_shape_ = has_offsets_ = false;
    tensor_.name = std::move(text);
    state_ = State::tensor;
    in_tensor_ = true;
    return true;
  }
  const auto enter = [&](bool& seen, State next) {
    state_ = next;
    if (seen) return fail(fmt::format("key '{}' occurs twice", text));
    return seen = true;
  };
  if (text == "dtype") return enter(has_dtype_, State::dtype);
  if (text == "shape") return enter(has_shape_, State::shape);
  if (text == "data_offsets") return enter(has_offsets_, State::offsets);
  state_ = State::ignored_value;
  return true;
}

bool HeaderReader::finish_tensor() {
  if (!has_dtype_) return fail("has no dtype");
  if (!has_shape_) return fail("has no shape");
  if (!has_offsets_ || offsets_.size() != 2) return fail("has no data_offsets [begin, end]");
  tensor_.begin = offsets_[0];
  tensor_.end = offsets_[1];
  header.entries.push_back(std::move(tensor_));
  tensor_ = HeaderEntry{};
  in_tensor_ = false;
  state_ = State::names;
  return true;
}

bool HeaderReader::end_object() {
  if (skipping_ > 0) return --skipping_, ignored();
  if (state_ == State::fields) return finish_tensor();
  state_ = state_ == State::metadata_value ? State::names : State::done;
  return true;
}

bool HeaderReader::start_array(std::size_t) {
  if (skipping_ > 0 || state_ == State::ignored_value) return ++skipping_, true;
  if (state_ == State::shape) return state_ = State::shape_numbers, true;
  if (state_ == State::offsets) return state_ = State::offsets_numbers, true;
  return value("an array");
}

bool HeaderReader::end_array() {
  if (skipping_ > 0) return --skipping_, ignored();
  state_ = State::fields;
  return true;
}

}  // namespace

Expected<SafetensorsHeader> parse_safetensors_header(std::string_view json, std::string_view file) {
  const auto fail = [&](std::string_view why) { return input_error(fmt::format("{}: {}", file, why)); };
  if (json.empty() || json.front() != '{') return fail("header does not start with '{'");
  // The JSON library takes a NUL byte for the end of the text.
  if (json.find('\0') != std::string_view::npos) return fail("header is not valid JSON: it holds a NUL byte");
  HeaderReader reader;
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) return fail(reader.problem);
  auto& entries = reader.header.entries;
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto causal_baseline = std::adjacent_find(
      entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name == b.name; });
  if (causal_baseline != entries.end())
    return fail(fmt::format("tensor '{}' occurs twice", causal_baseline->name));
  return std::move(reader.header);
}

}  // namespace pastonly::input
