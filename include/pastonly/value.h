#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pastonly {

/// A small JSON-shaped value: what witnesses and rule parameters are made of. Objects keep the order
/// in which their keys were added, so that reports read in the order their authors chose.
class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::vector<std::pair<std::string, Value>>;

  Value() = default;
  Value(bool value) : data_(value) {}               // NOLINT(google-explicit-constructor)
  Value(std::int64_t value) : data_(value) {}       // NOLINT(google-explicit-constructor)
  Value(int value) : data_(std::int64_t{value}) {}  // NOLINT(google-explicit-constructor)
  Value(std::size_t value)                          // NOLINT(google-explicit-constructor)
      : data_(static_cast<std::int64_t>(value)) {}
  Value(std::uint32_t value) : data_(std::int64_t{value}) {}  // NOLINT(google-explicit-constructor)
  Value(double value) : data_(value) {}                       // NOLINT(google-explicit-constructor)
  Value(const char* value) : data_(std::string(value)) {}     // NOLINT(google-explicit-constructor)
  Value(std::string value) : data_(std::move(value)) {}       // NOLINT(google-explicit-constructor)
  Value(Array value) : data_(std::move(value)) {}             // NOLINT(google-explicit-constructor)
  Value(Object value) : data_(std::move(value)) {}            // NOLINT(google-explicit-constructor)

  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(data_); }

  // What it holds, or nothing where it holds something else.
  std::optional<bool> flag() const noexcept { return held<bool>(); }
  std::optional<std::int64_t> integer() const noexcept { return held<std::int64_t>(); }
  /// Whole or real.
  std::optional<double> number() const noexcept {
    if (const auto whole = integer()) return static_cast<double>(*whole);
    return held<double>();
  }
  const std::string* text() const noexcept { return std::get_if<std::string>(&data_); }
  const Array* array() const noexcept { return std::get_if<Array>(&data_); }
  const Object* object() const noexcept { return std::get_if<Object>(&data_); }

  /// The member of an object, or nullptr where this is no object or has no such key.
  const Value* find(std::string_view key) const noexcept;

  // The same of a member.
  std::optional<std::int64_t> integer(std::string_view key) const noexcept {
    const Value* member = find(key);
    return member != nullptr ? member->integer() : std::nullopt;
  }
  std::optional<double> number(std::string_view key) const noexcept {
    const Value* member = find(key);
    return member != nullptr ? member->number() : std::nullopt;
  }
  const std::string* text(std::string_view key) const noexcept {
    const Value* member = find(key);
    return member != nullptr ? member->text() : nullptr;
  }
  std::string text_or(std::string_view key, std::string_view otherwise) const {
    const std::string* held = text(key);
    return held != nullptr ? *held : std::string(otherwise);
  }
  const Array* array(std::string_view key) const noexcept {
    const Value* member = find(key);
    return member != nullptr ? member->array() : nullptr;
  }

  /// Sets a member; turns null into an object. Requires null or object.
  void set(std::string key, Value value) {
    if (is_null()) data_ = Object{};
    auto& object = std::get<Object>(data_);
    for (auto& [name, old] : object) {
      if (name == key) {
        old = std::move(value);
        return;
      }
    }
    object.emplace_back(std::move(key), std::move(value));
  }

  const auto& data() const noexcept { return data_; }
  friend bool operator==(const Value&, const Value&) = default;

 private:
  template <class T>
  std::optional<T> held() const noexcept {
    const T* held = std::get_if<T>(&data_);
    return held != nullptr ? std::optional(*held) : std::nullopt;
  }

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> data_;
};

/// The first member of that name, or nullptr.
inline const Value* find(const Value::Object& object, std::string_view key) noexcept {
  for (const auto& [name, value] : object) {
    if (name == key) return &value;
  }
  return nullptr;
}

/// The number of that name, or nothing.
inline std::optional<double> number(const Value::Object& object, std::string_view key) noexcept {
  const Value* member = find(object, key);
  return member != nullptr ? member->number() : std::nullopt;
}

inline const Value* Value::find(std::string_view key) const noexcept {
  const Object* members = object();
  return members != nullptr ? pastonly::find(*members, key) : nullptr;
}

}  // namespace pastonly
