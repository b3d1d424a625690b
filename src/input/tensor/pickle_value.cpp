#include <fmt/format.h>
#include <fmt/ranges.h>

#include "input/tensor/pickle.h"

namespace pastonly::input {

const PickleObject* object_of(const PickleValue& value, ObjectKind kind) noexcept {
  const auto* object = std::get_if<const PickleObject*>(&value);
  return object != nullptr && (*object)->kind == kind ? *object : nullptr;
}

const PickleValue* find_key(const PickleObject& dict, std::string_view key) noexcept {
  // The last one counts, as in Python.
  for (std::size_t i = dict.items.size() / 2; i-- > 0;) {
    const auto* name = object_of(dict.items[2 * i], ObjectKind::text);
    if (name != nullptr && name->text == key) return &dict.items[2 * i + 1];
  }
  return nullptr;
}

std::string describe(const PickleValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "None";
  if (std::holds_alternative<bool>(value)) return "a boolean";
  const auto* object = std::get_if<const PickleObject*>(&value);
  if (object == nullptr) return "a number";
  const std::size_t size = (*object)->items.size();
  switch ((*object)->kind) {
    case ObjectKind::text:
      return "a text";
    case ObjectKind::bytes:
      return "bytes";
    case ObjectKind::list:
      return fmt::format("a list of {}", size);
    case ObjectKind::tuple:
      return fmt::format("a tuple of {}", size);
    case ObjectKind::dict:
      return fmt::format("a dict of {}", size / 2);
    case ObjectKind::tensor:
      return fmt::format("a tensor ({}) of {}", fmt::join((*object)->tensor.shape, ", "),
                         name((*object)->tensor.type));
    default:
      return (*object)->text.empty() ? "something else" : std::string((*object)->text);
  }
}

}  // namespace pastonly::input
