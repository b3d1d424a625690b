#include "input/tensor/pickle_globals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "input/tensor/element_types.h"
#include "input/tensor/strided_view.h"
#include "input/tensor/torch_types.h"
#include "input/text/code_point.h"

namespace pastonly::input {

namespace {

constexpr std::string_view untyped = "torch.storage UntypedStorage";
constexpr auto callables = std::to_array<std::string_view>({
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
    "torch._utils _rebuild_parameter",
    "torch Size",
    "collections OrderedDict",
    "numpy ndarray",
    "numpy dtype",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
    "numpy.core.numeric _frombuffer",
    "numpy._core.numeric _frombuffer",
    "_codecs encode",
    "__builtin__ bytes",
    "builtins bytes",
});

tl::unexpected<Error> bad_pickle(std::string_view why) { return input_error(std::string(why)); }

std::string_view global_name(const PickleValue& value) noexcept {
  const auto* object = object_of(value, ObjectKind::global);
  return object == nullptr ? std::string_view{} : object->text;
}

/// A tuple of numbers, none negative.
std::optional<std::vector<std::size_t>> sizes(const PickleValue& value) {
  const auto* tuple = object_of(value, ObjectKind::tuple);
  if (tuple == nullptr) return std::nullopt;
  std::vector<std::size_t> out;
  for (const PickleValue& item : tuple->items) {
    const auto* number = std::get_if<std::int64_t>(&item);
    if (number == nullptr || *number < 0) return std::nullopt;
    out.push_back(static_cast<std::size_t>(*number));
  }
  return out;
}

}  // namespace

bool PickleGlobals::known(std::string_view name) noexcept {
  return name == untyped || std::ranges::find(callables, name) != callables.end() ||
         find_type(&TorchType::torch, name) != nullptr || find_type(&TorchType::storage, name) != nullptr;
}

PickleObject& PickleGlobals::make(ObjectKind kind) {
  pickle_.objects.emplace_back().kind = kind;
  return pickle_.objects.back();
}

Expected<PickleValue> PickleGlobals::storage(const PickleValue& id) {
  const auto* tuple = object_of(id, ObjectKind::tuple);
  if (tuple == nullptr || tuple->items.size() != 5) return bad_pickle("a persistent id is no storage");
  const auto* kind = object_of(tuple->items[0], ObjectKind::text);
  const std::string_view type = global_name(tuple->items[1]);
  const auto* key = object_of(tuple->items[2], ObjectKind::text);
  const auto* count = std::get_if<std::int64_t>(&tuple->items[4]);
  if (kind == nullptr || kind->text != "storage" || key == nullptr || count == nullptr || *count < 0)
    return bad_pickle("a persistent id is no storage");
  const auto* element = find_type(&TorchType::storage, type);
  if (element == nullptr && type != untyped)
    return bad_pickle(fmt::format("storage '{}': '{}' is no storage type", key->text, type));
  const auto bytes = storages_.find(key->text);
  if (!bytes) return tl::unexpected(bytes.error());
  const std::size_t size = element == nullptr ? 1 : element->size;
  std::size_t needed = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(*count), size, &needed) || needed != bytes->size())
    return bad_pickle(fmt::format("storage '{}': {} elements of {} bytes, and it has {} bytes", key->text,
                                  *count, size, bytes->size()));
  PickleObject& out = make(ObjectKind::storage);
  out.text = element == nullptr ? std::string_view{} : element->torch;
  out.tensor.bytes = *bytes;
  return PickleValue(&out);
}

Expected<PickleValue> PickleGlobals::gathered(Tensor tensor, const std::vector<std::size_t>& stride,
                                              std::span<const std::byte> from) {
  const std::size_t width = size_of(tensor.type);
  const auto size = byte_size(width * 8, tensor.shape.data(), tensor.shape.size());
  if (!size || *size > storages_.room())
    return bad_pickle(
        fmt::format("a tensor of shape ({}) does not lie in order, and is too large to be copied; save "
                    "tensor.contiguous()",
                    fmt::join(tensor.shape, ", ")));
  tensor.bytes = storages_.keep(gather(from, tensor.shape, stride, width));
  PickleObject& out = make(ObjectKind::tensor);
  out.tensor = std::move(tensor);
  return PickleValue(&out);
}

/// _rebuild_tensor_v2(storage, offset, size, stride, ...), and v3, which names the type after two more.
Expected<PickleValue> PickleGlobals::tensor(const PickleObject& arguments, bool typed) {
  const auto& items = arguments.items;
  if (items.size() < (typed ? 7u : 6u))
    return bad_pickle("a tensor lacks its storage, offset, size or stride");
  const auto* storage = object_of(items[0], ObjectKind::storage);
  const auto* offset = std::get_if<std::int64_t>(&items[1]);
  auto shape = sizes(items[2]);
  const auto stride = sizes(items[3]);
  if (storage == nullptr || offset == nullptr || *offset < 0 || !shape || !stride ||
      shape->size() != stride->size())
    return bad_pickle("a tensor's storage, offset, size or stride is not what they are");
  const auto* element = find_type(&TorchType::torch, typed ? global_name(items[6]) : storage->text);
  if (element == nullptr) return bad_pickle("a tensor has no element type that is known");
  if (!element->type) {
    PickleObject& out = make(ObjectKind::foreign);
    out.text = element->torch;
    return PickleValue(&out);
  }
  const std::size_t elements = storage->tensor.bytes.size() / element->size;
  const auto used = reach(*shape, *stride);
  // torch lets an empty view lie anywhere.
  const std::size_t first = used == std::size_t{0} ? 0 : static_cast<std::size_t>(*offset);
  if (!used || first > elements || *used > elements - first)
    return bad_pickle(
        fmt::format("a tensor of shape ({}), strides ({}) at offset {} reaches beyond its storage of {} "
                    "elements",
                    fmt::join(*shape, ", "), fmt::join(*stride, ", "), *offset, elements));
  Tensor out{"", *element->type, std::move(*shape), {}};
  const auto from = storage->tensor.bytes.subspan(first * element->size);
  if (*used > 0 && !lies_in_order(out.shape, *stride)) return gathered(std::move(out), *stride, from);
  out.bytes = from.first(*used * element->size);
  PickleObject& object = make(ObjectKind::tensor);
  object.tensor = std::move(out);
  return PickleValue(&object);
}

/// Text whose characters stand for bytes: how protocol 2 writes bytes.
Expected<PickleValue> PickleGlobals::encoded(const PickleObject& arguments) {
  const auto& items = arguments.items;
  const auto* text = items.size() == 2 ? object_of(items[0], ObjectKind::text) : nullptr;
  const auto* code = items.size() == 2 ? object_of(items[1], ObjectKind::text) : nullptr;
  if (text == nullptr || code == nullptr || (code->text != "latin1" && code->text != "latin-1"))
    return bad_pickle("'_codecs encode' of something else than bytes");
  std::string bytes;
  bytes.reserve(text->text.size());
  for (std::string_view rest = text->text; !rest.empty();) {
    const auto point = first_code_point(rest);
    if (!point || point->value > 0xFF) return bad_pickle("'_codecs encode' of characters that are no bytes");
    bytes += static_cast<char>(point->value);
    rest.remove_prefix(point->bytes);
  }
  pickle_.texts.push_back(std::move(bytes));
  PickleObject& out = make(ObjectKind::bytes);
  out.text = pickle_.texts.back();
  return PickleValue(&out);
}

Expected<void> PickleGlobals::fill_array(PickleObject& object, const PickleValue& type,
                                         const PickleValue& shape, bool fortran, std::string_view bytes) {
  const auto* name = object_of(type, ObjectKind::array_type);
  auto dimensions = sizes(shape);
  const auto* element = name == nullptr ? nullptr : find_type(&TorchType::numpy, name->text);
  if (element == nullptr || !dimensions) {
    return bad_pickle(fmt::format("a NumPy array of type '{}' is not read; plain little-endian numbers are",
                                  name == nullptr ? "?" : name->text));
  }
  if (!element->type) {
    object.kind = ObjectKind::foreign;
    object.text = element->torch;
    return {};
  }
  const auto size = byte_size(element->size * 8, dimensions->data(), dimensions->size());
  if (size != bytes.size())
    return bad_pickle(fmt::format("a NumPy array of shape ({}) and type '{}' has {} bytes",
                                  fmt::join(*dimensions, ", "), name->text, bytes.size()));
  const auto raw = std::as_bytes(std::span(bytes));
  object.kind = ObjectKind::tensor;
  object.tensor = {"", *element->type, std::move(*dimensions), raw};
  if (!fortran || raw.empty()) return {};
  std::vector<std::size_t> stride(object.tensor.shape.size(), 1);
  for (std::size_t axis = 1; axis < stride.size(); ++axis)
    stride[axis] = stride[axis - 1] * object.tensor.shape[axis - 1];
  const auto ordered = gathered(object.tensor, stride, raw);
  if (!ordered) return tl::unexpected(ordered.error());
  object.tensor = std::get<const PickleObject*>(*ordered)->tensor;
  return {};
}

/// _frombuffer(bytes, dtype, shape, order)
Expected<PickleValue> PickleGlobals::array_from(const PickleObject& arguments) {
  const auto& items = arguments.items;
  const auto* bytes = items.size() == 4 ? object_of(items[0], ObjectKind::bytes) : nullptr;
  const auto* order = items.size() == 4 ? object_of(items[3], ObjectKind::text) : nullptr;
  if (bytes == nullptr || order == nullptr) return bad_pickle("a NumPy array without its bytes");
  PickleObject& out = make(ObjectKind::foreign);
  if (auto filled = fill_array(out, items[1], items[2], order->text == "F", bytes->text); !filled)
    return tl::unexpected(filled.error());
  return PickleValue(&out);
}

/// scalar(dtype, bytes): a number, as a Python program would use it.
Expected<PickleValue> PickleGlobals::scalar(const PickleObject& arguments) {
  const auto& items = arguments.items;
  const auto* bytes = items.size() == 2 ? object_of(items[1], ObjectKind::bytes) : nullptr;
  if (bytes == nullptr) return bad_pickle("a NumPy number without its bytes");
  PickleObject& shape = make(ObjectKind::tuple);
  PickleObject& out = make(ObjectKind::foreign);
  if (auto filled = fill_array(out, items[0], PickleValue(&shape), false, bytes->text); !filled)
    return tl::unexpected(filled.error());
  if (out.kind != ObjectKind::tensor) return PickleValue(&out);
  TokenTensor one;
  one.type = out.tensor.type;
  one.sequences = one.positions = one.columns = 1;
  one.data = out.tensor.bytes.data();
  if (one.type == DType::boolean) return PickleValue(*one.data != std::byte{0});
  if (one.type == DType::f64) {
    double value = 0;
    std::memcpy(&value, one.data, sizeof value);
    return PickleValue(value);
  }
  if (is_float(one.type)) {
    std::vector<float> scratch;
    return PickleValue(static_cast<double>(*read_floats(one, 0, 1, scratch).data()));
  }
  std::vector<std::int64_t> scratch;
  return PickleValue(*read_integers(one, 0, 1, scratch).data());
}

Expected<PickleValue> PickleGlobals::call(const PickleValue& callable, const PickleObject& arguments) {
  const std::string_view name = global_name(callable);
  if (name.empty()) return bad_pickle("calls what has no name");
  const auto& items = arguments.items;
  if (name.ends_with("_rebuild_tensor_v2")) return tensor(arguments, false);
  if (name.ends_with("_rebuild_tensor_v3")) return tensor(arguments, true);
  if (name.ends_with("_rebuild_parameter") && !items.empty()) return items[0];
  if (name == "torch Size" && items.size() == 1 && object_of(items[0], ObjectKind::tuple) != nullptr)
    return items[0];
  if (name == "collections OrderedDict" && items.empty()) return PickleValue(&make(ObjectKind::dict));
  if (name == "_codecs encode") return encoded(arguments);
  // How protocol 2 writes bytes of which there are none.
  if (name.ends_with(" bytes") && items.empty()) return PickleValue(&make(ObjectKind::bytes));
  // Its shape and bytes come with set_state.
  if (name.ends_with("multiarray _reconstruct")) return PickleValue(&make(ObjectKind::foreign));
  if (name.ends_with("numeric _frombuffer")) return array_from(arguments);
  if (name.ends_with("multiarray scalar")) return scalar(arguments);
  const auto* type = items.empty() ? nullptr : object_of(items[0], ObjectKind::text);
  if (name == "numpy dtype" && type != nullptr) {
    PickleObject& out = make(ObjectKind::array_type);
    out.text = type->text;
    return PickleValue(&out);
  }
  return bad_pickle(fmt::format("calls '{}' with {} arguments", name, items.size()));
}

Expected<void> PickleGlobals::set_state(PickleObject& object, const PickleValue& state) {
  if (object.kind == ObjectKind::dict) return {};
  const auto* tuple = object_of(state, ObjectKind::tuple);
  if (object.kind == ObjectKind::array_type) {
    const auto* order =
        tuple != nullptr && tuple->items.size() > 1 ? object_of(tuple->items[1], ObjectKind::text) : nullptr;
    if (order == nullptr || (order->text != "<" && order->text != "|"))
      return bad_pickle(
          fmt::format("a NumPy array of type '{}{}' is not read; plain little-endian numbers are",
                      order == nullptr ? "" : order->text, object.text));
    return {};
  }
  // (version, shape, dtype, fortran order, bytes)
  if (object.kind == ObjectKind::foreign && object.text.empty() && tuple != nullptr &&
      tuple->items.size() == 5) {
    const auto* fortran = std::get_if<bool>(&tuple->items[3]);
    const auto* bytes = object_of(tuple->items[4], ObjectKind::bytes);
    if (fortran == nullptr || bytes == nullptr) return bad_pickle("a NumPy array of objects is not read");
    return fill_array(object, tuple->items[2], tuple->items[1], *fortran, bytes->text);
  }
  return bad_pickle("sets the state of something that has none");
}

}  // namespace pastonly::input
