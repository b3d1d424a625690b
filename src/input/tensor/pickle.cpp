#include "input/tensor/pickle.h"

#include <fmt/format.h>

#include <cstring>
#include <unordered_map>

#include "input/tensor/pickle_globals.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::size_t longest_pickle = std::size_t{1} << 30;
constexpr std::size_t most_objects = 8'000'000;  // some 200 bytes each

/// The opcodes of pickletools, protocols 2 to 5, that name no code to run.
class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, const PickleStorages& storages)
      : bytes_(bytes), globals_(pickle_, storages) {}

  Expected<Pickle> run() {
    while (!stopped_) {
      const std::size_t at = at_;
      if (auto done = step(); !done)
        return input_error(fmt::format("at byte {}: {}", at, done.error().message));
      if (pickle_.objects.size() > most_objects)
        return input_error(fmt::format("more than {} objects", most_objects));
    }
    return std::move(pickle_);
  }

 private:
  static tl::unexpected<Error> fail(std::string_view why) { return input_error(std::string(why)); }

  template <class T>
  Expected<T> number() {
    if (bytes_.size() - at_ < sizeof(T)) return fail("the pickle ends inside a number");
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  Expected<std::string_view> text(std::uint64_t size) {
    if (size > bytes_.size() - at_) return fail("a text reaches past the end of the pickle");
    const std::string_view out(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
    at_ += size;
    return out;
  }
  template <class Size>
  Expected<std::string_view> sized_text() {
    const auto size = number<Size>();
    if (!size) return tl::unexpected(size.error());
    return text(*size);
  }
  Expected<std::string_view> line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
    const auto end = rest.find('\n');
    if (end == rest.npos) return fail("the pickle ends inside a name");
    at_ += end + 1;
    return rest.substr(0, end);
  }

  PickleObject& make(ObjectKind kind) {
    pickle_.objects.emplace_back().kind = kind;
    return pickle_.objects.back();
  }
  Expected<void> push(PickleValue value) {
    stack_.push_back(value);
    return {};
  }
  Expected<void> push_new(ObjectKind kind, Expected<std::string_view> content) {
    if (!content) return tl::unexpected(content.error());
    PickleObject& object = make(kind);
    object.text = *content;
    return push(&object);
  }
  template <class T>
  Expected<void> push_number() {
    const auto value = number<T>();
    if (!value) return tl::unexpected(value.error());
    return push(static_cast<std::int64_t>(*value));
  }
  Expected<PickleValue> pop() {
    if (stack_.size() <= floor()) return fail("the stack is empty");
    const PickleValue value = stack_.back();
    stack_.pop_back();
    return value;
  }
  /// Values below a mark are out of reach.
  std::size_t floor() const noexcept { return marks_.empty() ? 0 : marks_.back(); }
  /// What was pushed since the last mark.
  Expected<std::vector<PickleValue>> pop_marked() {
    if (marks_.empty()) return fail("there is no mark");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue> out(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return out;
  }
  Expected<std::vector<PickleValue>> pop_last(std::size_t count) {
    if (stack_.size() - floor() < count) return fail("the stack is empty");
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<PickleValue> out(first, stack_.end());
    stack_.erase(first, stack_.end());
    return out;
  }
  Expected<void> push_tuple(Expected<std::vector<PickleValue>> items) {
    if (!items) return tl::unexpected(items.error());
    PickleObject& object = make(ObjectKind::tuple);
    object.items = std::move(*items);
    return push(&object);
  }
  /// Appends to the list or dict on top of the stack.
  Expected<void> extend(ObjectKind kind, Expected<std::vector<PickleValue>> items) {
    if (!items) return tl::unexpected(items.error());
    PickleObject* target = stack_.size() > floor() ? own(stack_.back(), kind) : nullptr;
    if (target == nullptr) return fail("adds to what is no list or dict");
    if (kind == ObjectKind::dict && items->size() % 2 != 0) return fail("a key without a value");
    target->items.insert(target->items.end(), items->begin(), items->end());
    return {};
  }
  /// The machine's own object behind a value.
  static PickleObject* own(const PickleValue& value, ObjectKind kind) noexcept {
    return const_cast<PickleObject*>(object_of(value, kind));  // all of them are this machine's
  }

  template <class Index>
  Expected<void> put() {
    const auto index = number<Index>();
    if (!index) return tl::unexpected(index.error());
    return remember(*index);
  }
  Expected<void> remember(std::uint64_t index) {
    if (stack_.size() <= floor()) return fail("the stack is empty");
    memo_[index] = stack_.back();
    return {};
  }
  template <class Index>
  Expected<void> get() {
    const auto index = number<Index>();
    if (!index) return tl::unexpected(index.error());
    const auto at = memo_.find(*index);
    if (at == memo_.end()) return fail(fmt::format("nothing is remembered as {}", *index));
    return push(at->second);
  }

  Expected<void> push_global(std::string_view module, std::string_view name) {
    pickle_.texts.push_back(fmt::format("{} {}", module, name));
    if (!PickleGlobals::known(pickle_.texts.back()))
      return fail(
          fmt::format("holds a '{}.{}', and only tensors, arrays, lists, tuples, dicts, numbers, text and "
                      "bytes are read; nothing is executed",
                      module.substr(0, 100), name.substr(0, 100)));
    PickleObject& object = make(ObjectKind::global);
    object.text = pickle_.texts.back();
    return push(&object);
  }
  Expected<void> global() {
    const auto module = line();
    if (!module) return tl::unexpected(module.error());
    const auto name = line();
    if (!name) return tl::unexpected(name.error());
    return push_global(*module, *name);
  }
  Expected<void> stack_global() {
    const auto names = pop_last(2);
    if (!names) return tl::unexpected(names.error());
    const auto *module = object_of((*names)[0], ObjectKind::text),
               *name = object_of((*names)[1], ObjectKind::text);
    if (module == nullptr || name == nullptr) return fail("a global has no name");
    return push_global(module->text, name->text);
  }
  Expected<void> reduce() {
    const auto pair = pop_last(2);
    if (!pair) return tl::unexpected(pair.error());
    const auto* arguments = object_of((*pair)[1], ObjectKind::tuple);
    if (arguments == nullptr) return fail("calls with what is no tuple");
    const auto result = globals_.call((*pair)[0], *arguments);
    if (!result) return tl::unexpected(result.error());
    return push(*result);
  }
  Expected<void> build() {
    const auto state = pop();
    if (!state) return tl::unexpected(state.error());
    if (stack_.size() <= floor()) return fail("the stack is empty");
    const auto* object = std::get_if<const PickleObject*>(&stack_.back());
    if (object == nullptr) return fail("sets the state of a number");
    return globals_.set_state(const_cast<PickleObject&>(**object), *state);
  }
  Expected<void> persistent() {
    const auto id = pop();
    if (!id) return tl::unexpected(id.error());
    const auto storage = globals_.storage(*id);
    if (!storage) return tl::unexpected(storage.error());
    return push(*storage);
  }
  /// A whole number in two's complement; beyond 64 bits it is kept as something foreign.
  Expected<void> long_number(std::uint64_t size) {
    const auto digits = text(size);
    if (!digits) return tl::unexpected(digits.error());
    if (size > 8) {
      PickleObject& object = make(ObjectKind::foreign);
      object.text = "a number beyond 64 bits";
      return push(&object);
    }
    std::uint64_t value = size > 0 && (digits->back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = size; i-- > 0;) value = (value << 8) | static_cast<unsigned char>((*digits)[i]);
    return push(static_cast<std::int64_t>(value));
  }
  Expected<void> real() {
    const auto bits = number<std::uint64_t>();
    if (!bits) return tl::unexpected(bits.error());
    const std::uint64_t swapped = __builtin_bswap64(*bits);  // the one big-endian number of the format
    double value = 0;
    std::memcpy(&value, &swapped, sizeof value);
    return push(value);
  }
  Expected<void> stop() {
    const auto root = pop();
    if (!root) return tl::unexpected(root.error());
    pickle_.root = *root;
    stopped_ = true;
    return {};
  }
  Expected<void> skip(std::uint64_t bytes) {
    const auto skipped = text(bytes);
    if (!skipped) return tl::unexpected(skipped.error());
    return {};
  }
  Expected<void> step();

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  Pickle pickle_;
  PickleGlobals globals_;
  std::vector<PickleValue> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleValue> memo_;
  bool stopped_ = false;
};

Expected<void> PickleMachine::step() {
  const auto code = number<std::uint8_t>();
  if (!code) return fail("the pickle ends without saying so");
  switch (*code) {
    case 0x80: {  // PROTO
      const auto version = number<std::uint8_t>();
      if (!version) return tl::unexpected(version.error());
      if (*version < 2 || *version > 5) return fail(fmt::format("protocol {} (2 to 5 are read)", *version));
      return {};
    }
    case 0x95:
      return skip(8);  // FRAME
    case '.':
      return stop();
    case 'N':
      return push(std::monostate{});
    case 0x88:
      return push(true);
    case 0x89:
      return push(false);
    case 'K':
      return push_number<std::uint8_t>();  // BININT1
    case 'M':
      return push_number<std::uint16_t>();  // BININT2
    case 'J':
      return push_number<std::int32_t>();  // BININT
    case 0x8a: {                           // LONG1
      const auto size = number<std::uint8_t>();
      return size ? long_number(*size) : Expected<void>(tl::unexpected(size.error()));
    }
    case 0x8b: {  // LONG4
      const auto size = number<std::uint32_t>();
      return size ? long_number(*size) : Expected<void>(tl::unexpected(size.error()));
    }
    case 'G':
      return real();  // BINFLOAT
    case 'X':
      return push_new(ObjectKind::text, sized_text<std::uint32_t>());  // BINUNICODE
    case 0x8c:
      return push_new(ObjectKind::text, sized_text<std::uint8_t>());  // SHORT_BINUNICODE
    case 0x8d:
      return push_new(ObjectKind::text, sized_text<std::uint64_t>());  // BINUNICODE8
    case 'B':
      return push_new(ObjectKind::bytes, sized_text<std::uint32_t>());  // BINBYTES
    case 'C':
      return push_new(ObjectKind::bytes, sized_text<std::uint8_t>());  // SHORT_BINBYTES
    case 0x8e:                                                         // BINBYTES8
    case 0x96:                                                         // BYTEARRAY8
      return push_new(ObjectKind::bytes, sized_text<std::uint64_t>());
    case ']':
      return push(&make(ObjectKind::list));
    case '}':
      return push(&make(ObjectKind::dict));
    case ')':
      return push(&make(ObjectKind::tuple));
    case '(':
      marks_.push_back(stack_.size());
      return {};
    case 't':
      return push_tuple(pop_marked());
    case 0x85:
      return push_tuple(pop_last(1));
    case 0x86:
      return push_tuple(pop_last(2));
    case 0x87:
      return push_tuple(pop_last(3));
    case 'a':
      return extend(ObjectKind::list, pop_last(1));  // APPEND
    case 'e':
      return extend(ObjectKind::list, pop_marked());  // APPENDS
    case 's':
      return extend(ObjectKind::dict, pop_last(2));  // SETITEM
    case 'u':
      return extend(ObjectKind::dict, pop_marked());  // SETITEMS
    case 'q':
      return put<std::uint8_t>();  // BINPUT
    case 'r':
      return put<std::uint32_t>();  // LONG_BINPUT
    case 0x94:
      return remember(memo_.size());  // MEMOIZE
    case 'h':
      return get<std::uint8_t>();  // BINGET
    case 'j':
      return get<std::uint32_t>();  // LONG_BINGET
    case 'c':
      return global();
    case 0x93:
      return stack_global();
    case 'R':
      return reduce();
    case 'b':
      return build();
    case 'Q':
      return persistent();
    case '0': {  // POP
      const auto dropped = pop();
      return dropped ? Expected<void>() : Expected<void>(tl::unexpected(dropped.error()));
    }
    case '1': {  // POP_MARK
      const auto dropped = pop_marked();
      return dropped ? Expected<void>() : Expected<void>(tl::unexpected(dropped.error()));
    }
    default:
      return fail(fmt::format("opcode {:#04x} is not read", *code));
  }
}

}  // namespace

Expected<Pickle> read_pickle(std::span<const std::byte> bytes, const std::string& label,
                             const PickleStorages& storages) {
  if (bytes.size() > longest_pickle)
    return input_error(
        fmt::format("{}: a pickle of {} bytes; {} at most are read. Save lists of numbers as "
                    "tensors",
                    label, bytes.size(), longest_pickle));
  return PickleMachine(bytes, storages).run().map_error([&](Error error) {
    error.message = printable(fmt::format("{}: {}", label, error.message));
    return error;
  });
}

}  // namespace pastonly::input
