#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "input/tensor/pickle.h"

namespace pastonly::input {

/// What the names in a pickle stand for. Nothing is imported or called: each name that is known has its
/// meaning here, and every other one is refused.
class PickleGlobals {
 public:
  PickleGlobals(Pickle& pickle, const PickleStorages& storages) : pickle_(pickle), storages_(storages) {}

  static bool known(std::string_view name) noexcept;
  /// ('storage', type, key, location, elements): a storage, its size checked against its bytes.
  Expected<PickleValue> storage(const PickleValue& id);
  /// callable(*arguments)
  Expected<PickleValue> call(const PickleValue& callable, const PickleObject& arguments);
  /// object.__setstate__(state), of a NumPy array or its element type; an OrderedDict's attributes are
  /// ignored.
  Expected<void> set_state(PickleObject& object, const PickleValue& state);

 private:
  PickleObject& make(ObjectKind kind);
  Expected<PickleValue> tensor(const PickleObject& arguments, bool typed);
  Expected<PickleValue> gathered(Tensor tensor, const std::vector<std::size_t>& stride,
                                 std::span<const std::byte> from);
  Expected<PickleValue> array_from(const PickleObject& arguments);
  Expected<PickleValue> scalar(const PickleObject& arguments);
  Expected<void> fill_array(PickleObject& object, const PickleValue& type, const PickleValue& shape,
                            bool fortran, std::string_view bytes);
  Expected<PickleValue> encoded(const PickleObject& arguments);

  Pickle& pickle_;
  const PickleStorages& storages_;
};

}  // namespace pastonly::input
