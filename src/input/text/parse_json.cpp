#include "input/text/parse_json.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::size_t deepest = 16;
constexpr std::size_t values_between_looks = 4096;  // between two questions whether to stop

/// Builds the document value by value, in time linear in the text, and refuses what a strict reader does not
/// accept. The library calls it; `false` ends the parse.
class StrictBuilder {
 public:
  explicit StrictBuilder(const Stop& stop) : stop_(stop) {}

  Json take() { return std::move(root_); }
  /// What ended the parse; "" for an end that was asked for.
  const std::string& problem() const noexcept { return problem_; }
  bool stopped() const noexcept { return stopped_; }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(Json::number_integer_t value) { return put(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return put(value); }
  bool number_float(Json::number_float_t value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(Json::binary_t&) { return fail("holds binary data"); }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (open_.size() > deepest) return too_deep();
    auto& object = open_.back()->get_ref<Json::object_t&>();
    const auto [at, added] = object.emplace(name, nullptr);
    if (!added) return fail(fmt::format("key '{}' occurs twice", name));
    slot_ = &at->second;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) {
    return fail(fmt::format("not JSON: {}", without_number(error.what())));
  }

 private:
  bool fail(std::string why) {
    problem_ = std::move(why);
    return false;
  }
  bool too_deep() { return fail(fmt::format("nested deeper than {} levels", deepest)); }

  /// The place of the value that comes now: the root, the end of an array, or what the key named.
  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.get_ref<Json::array_t&>().emplace_back(std::move(value));
    *slot_ = std::move(value);
    return slot_;
  }
  bool looks_on() {
    stopped_ = ++values_ % values_between_looks == 0 && stop_();
    return !stopped_;
  }
  bool put(Json value) {
    if (open_.size() > deepest) return too_deep();
    place(std::move(value));
    return looks_on();
  }
  bool open(Json value) {
    if (open_.size() > deepest) return too_deep();
    open_.push_back(place(std::move(value)));
    return looks_on();
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const Stop& stop_;
  Json root_;
  std::vector<Json*> open_;  // objects and arrays that are not closed; only the last one grows
  Json* slot_ = nullptr;
  std::size_t values_ = 0;
  std::string problem_;
  bool stopped_ = false;
};

}  // namespace

std::string_view without_number(std::string_view message) noexcept {
  const auto end = message.find("] ");
  return message.starts_with("[json.exception") && end != message.npos ? message.substr(end + 2) : message;
}

Expected<Json> parse_json(std::string_view text, std::string_view name, Error::Kind kind, bool comments,
                          const Stop& stop) {
  const auto fail = [&](std::string_view why) {
    return tl::unexpected<Error>(Error{kind, printable(fmt::format("{}: {}", name, why))});
  };
  // The library takes a NUL byte for the end of the text.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(fmt::format("not JSON: NUL byte at offset {}", nul));
  }
  StrictBuilder builder(stop);
  if (Json::sax_parse(text.begin(), text.end(), &builder, Json::input_format_t::json, true, comments))
    return builder.take();
  if (builder.stopped()) return tl::unexpected<Error>(Error{Error::Kind::interrupted, "interrupted"});
  return fail(builder.problem());
}

}  // namespace pastonly::input
