#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "input/tensor/safetensors.h"
#include "pastonly/error.h"

namespace pastonly::input {

struct PickleObject;

/// None, a boolean, a whole number of 64 bits, a floating-point number, or an object of the Pickle.
using PickleValue = std::variant<std::monostate, bool, std::int64_t, double, const PickleObject*>;

enum class ObjectKind {
  text,     ///< `text`, UTF-8
  bytes,    ///< `text`
  list,     ///< `items`
  tuple,    ///< `items`
  dict,     ///< `items`: key, value, key, value, ...
  tensor,   ///< `tensor`, of a torch tensor or a NumPy array, contiguous
  foreign,  ///< something that is none of these and that nothing here needs; `text` says what
  // Below: only on the way; never in the result.
  global,      ///< `text`: its name
  storage,     ///< `tensor`: the storage's elements, or its bytes
  array_type,  ///< `text`: a NumPy element type
  mark,
};

struct PickleObject {
  ObjectKind kind = ObjectKind::foreign;
  std::string_view text;           ///< views the pickle, or a string that the Pickle owns
  std::vector<PickleValue> items;  ///< may hold the object itself, however deep: never walk it blindly
  Tensor tensor;                   ///< its name is empty
};

/// What a pickle says. Owns all that the values refer to, except the bytes of tensors.
struct Pickle {
  PickleValue root;
  std::deque<PickleObject> objects;
  std::deque<std::string> texts;
};

/// Where a pickle's tensors have their numbers.
struct PickleStorages {
  /// The bytes of the storage of that name.
  std::function<Expected<std::span<const std::byte>>(std::string_view)> find;
  /// Keeps bytes that had to be laid out anew; `room` bytes at most.
  std::function<std::span<const std::byte>(std::vector<std::byte>)> keep;
  std::function<std::size_t()> room;
};

/// Reads a pickle (protocols 2 to 5) without executing anything: tensors, NumPy arrays and numbers, lists,
/// tuples, dicts, OrderedDicts, numbers, text, bytes, None and booleans. Whatever else it names is refused by
/// that name. Work and memory are in proportion to the pickle's bytes; non-contiguous tensors are gathered.
/// Input errors begin with `label`.
Expected<Pickle> read_pickle(std::span<const std::byte> bytes, const std::string& label,
                             const PickleStorages& storages);

/// The object behind a value where it is of that kind; else nullptr.
const PickleObject* object_of(const PickleValue& value, ObjectKind kind) noexcept;
/// The value under a text key of a dict; nullptr where there is none.
const PickleValue* find_key(const PickleObject& dict, std::string_view key) noexcept;
/// "a list of 3", "a number", "None", for messages.
std::string describe(const PickleValue& value);

}  // namespace pastonly::input
