#include <fmt/format.h>

#include <cstring>

#include "fuzz/broken_case.h"

namespace pastonly::fuzz {

namespace {

/// Writes the opcodes of a pickle, protocol 2, as torch.save does.
class PickleText {
 public:
  PickleText& raw(std::string_view opcodes) {
    bytes_ += opcodes;
    return *this;
  }
  PickleText& text(std::string_view value) {
    bytes_ += 'X';
    return size(value.size()).raw(value);
  }
  PickleText& number(std::uint8_t value) { return raw("K").raw({reinterpret_cast<const char*>(&value), 1}); }
  PickleText& global(std::string_view module, std::string_view name) {
    return raw(fmt::format("c{}\n{}\n", module, name));
  }
  PickleText& numbers(const std::vector<std::uint8_t>& values) {
    raw("(");
    for (const auto value : values) number(value);
    return raw("t");
  }
  /// A tensor of int32 with that many elements in its storage "0".
  PickleText& tensor(std::uint8_t elements, std::uint8_t offset, const std::vector<std::uint8_t>& shape,
                     const std::vector<std::uint8_t>& stride) {
    global("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage").global("torch", "IntStorage");
    text("0").text("cpu").number(elements).raw("tQ").number(offset).numbers(shape).numbers(stride);
    return raw("\x89").global("collections", "OrderedDict").raw(")RtR");
  }
  std::string done() const { return "\x80\x02" + bytes_ + "."; }

 private:
  PickleText& size(std::size_t value) {
    const auto size = static_cast<std::uint32_t>(value);
    return raw({reinterpret_cast<const char*>(&size), sizeof size});
  }
  std::string bytes_;
};

std::string archive(const std::string& pickle, std::size_t storage = 96, std::string_view order = "little") {
  return zip_bytes({{"a/data.pkl", pickle},
                    {"a/byteorder", std::string(order)},
                    {"a/data/0", std::string(storage, '\0')},
                    {"a/version", "3\n"}});
}

}  // namespace

std::string torch_bytes() { return archive(PickleText().tensor(24, 0, {4, 3, 2}, {6, 2, 1}).done()); }

std::vector<BrokenCase> broken_torch() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string bytes, std::vector<std::string> mentions,
                       Error::Kind kind = Error::Kind::input) {
    cases.push_back({"torch-" + name + ".pt",
                     BrokenCase::Reader::trace,
                     {{"", std::move(bytes)}},
                     std::move(mentions),
                     kind});
  };
  const auto pickled = [&](std::string name, const PickleText& pickle, std::vector<std::string> mentions) {
    add(std::move(name), archive(pickle.done()), std::move(mentions));
  };
  const auto ids = [](std::uint8_t elements, std::uint8_t offset, const std::vector<std::uint8_t>& shape,
                      const std::vector<std::uint8_t>& stride) {
    return PickleText().tensor(elements, offset, shape, stride);
  };
  pickled("runs-code", PickleText().global("os", "system").raw("(").text("true").raw("tR"), {"os.system"});
  pickled("imports-by-stack", PickleText().text("builtins").text("eval").raw("\x93"), {"builtins.eval"});
  pickled("a-class", PickleText().global("my.model", "Model").raw(")\x81"), {"my.model.Model"});
  pickled("calls-a-tensor", ids(24, 0, {24}, {1}).raw(")R"), {"no name"});
  pickled("other-elements", ids(23, 0, {23}, {1}), {"storage '0'", "23", "96"});
  pickled("past-the-end", ids(24, 1, {4, 3, 2}, {6, 2, 1}), {"(4, 3, 2)", "offset 1", "24"});
  pickled("stride-past-the-end", ids(24, 0, {4, 3, 2}, {9, 2, 1}), {"(9, 2, 1)", "24"});
  pickled("strides-of-other-rank", ids(24, 0, {4, 3, 2}, {2, 1}), {"stride"});
  pickled("no-such-storage",
          PickleText()
              .raw("(")
              .text("storage")
              .global("torch", "IntStorage")
              .text("7")
              .text("cpu")
              .number(1)
              .raw("tQ"),
          {"'data/7'"});
  pickled("a-storage-of-nothing",
          PickleText()
              .raw("(")
              .text("storage")
              .global("collections", "OrderedDict")
              .text("0")
              .text("cpu")
              .number(24)
              .raw("tQ"),
          {"OrderedDict"});
  pickled("persistent-number", PickleText().number(1).raw("Q"), {"no storage"});
  pickled("empty-stack", PickleText().raw("a"), {"at byte 2"});
  pickled("no-mark", PickleText().raw("e"), {"no mark"});
  pickled("below-a-mark", PickleText().raw("](").raw("a"), {"at byte 4"});
  pickled("nothing-remembered", PickleText().raw("h\x05"), {"remembered as 5"});
  pickled("key-without-value", PickleText().raw("}(").text("a").raw("u"), {"without a value"});
  pickled("unknown-opcode", PickleText().raw("i"), {"0x69"});
  pickled("protocol-0-number", PickleText().raw("I1\n"), {"0x49"});
  pickled("text-past-the-end", PickleText().raw(std::string_view("X\xff\xff\xff\x7f", 5)), {"past the end"});
  pickled("only-a-number", PickleText().number(1), {"--map"});
  cases.back().kind = Error::Kind::usage;
  pickled("a-list-in-itself",
          PickleText().raw("]q\x01h\x01"
                           "a"),
          {"--map"});
  cases.back().kind = Error::Kind::usage;
  add("protocol-6", archive("\x80\x06N."), {"protocol 6"});
  add("no-end", archive("\x80\x02N"), {"without saying so"});
  add("empty-pickle", archive(""), {"without saying so"});
  add("big-endian", archive(ids(24, 0, {4, 3, 2}, {6, 2, 1}).done(), 96, "big"), {"'big'", "little-endian"});
  add("storage-short", archive(ids(24, 0, {4, 3, 2}, {6, 2, 1}).done(), 95), {"24", "95"});
  add("cut-off", torch_bytes().substr(0, 200), {"zip"});
  add("member-twice", zip_bytes({{"a/data.pkl", "\x80\x02N."}, {"b/data/0", ""}}), {"--map"},
      Error::Kind::usage);
  const std::string_view magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02", 17);
  add("legacy", std::string(magic), {"before PyTorch 1.6", "torch.save it again"});
  add("bare-pickle", std::string("\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94.", 14), {"bare pickle"});
  pickled(
      "samples-of-floats",
      PickleText().raw("}").text("samples").raw("]}").text("rollout_routed_experts").raw("K\x01s").raw("as"),
      {"samples[0]", "rollout_routed_experts", "a number"});
  pickled("more-decisions-than-tokens",
          PickleText()
              .raw("}")
              .text("samples")
              .raw("]}")
              .text("rollout_routed_experts")
              .tensor(24, 0, {4, 3, 2}, {6, 2, 1})
              .raw("s")
              .text("tokens")
              .raw("](K\x01K\x02"
                   "es")
              .raw("as"),
          {"samples[0]", "position 4", "2 tokens"});
  pickled("stat-mode",
          PickleText().raw("}").text("logical_count").tensor(24, 0, {4, 3, 2}, {6, 2, 1}).raw("s"),
          {"logical_count", "per_token"});
  pickled("recorder-without-map",
          PickleText().raw("}").text("records").raw("]s").text("last_physical_to_logical_map").raw("Ns"),
          {"last_physical_to_logical_map", "None"});
  return cases;
}

}  // namespace pastonly::fuzz
