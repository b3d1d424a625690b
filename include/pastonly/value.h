#pragma once

#include <cstdint>
#include <string>
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
  template <class T>
  const T* get_if() const noexcept {
    return std::get_if<T>(&data_);
  }

  /// The member of an object, or nullptr where this is no object or has no such key.
  const Value* find(std::string_view key) const noexcept {
    if (const auto* object = get_if<Object>()) {
      for (const auto& [name, value] : *object) {
        if (name == key) return &value;
      }
    }
    return nullptr;
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
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> data_;
};

}  // namespace pastonly
