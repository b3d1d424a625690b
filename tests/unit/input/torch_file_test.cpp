#include "input/tensor/torch_file.h"

#include "catch.h"
#include "fuzz/broken_case.h"
#include "input/tensor/open_tensors.h"
#include "input/trace/trace_file.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

using input::ObjectKind;

const input::PickleStorages no_storages{
    [](std::string_view) -> Expected<std::span<const std::byte>> { return input_error("no storages here"); },
    [](std::vector<std::byte>) { return std::span<const std::byte>(); }, [] { return std::size_t{0}; }};

Expected<input::Pickle> unpickled(std::string_view opcodes) {
  return input::read_pickle(std::as_bytes(std::span(opcodes)), "p", no_storages);
}

TEST_CASE("values of a pickle of every kind", "[input][torch]") {
  // {"a": [1, -2, 2**40, 1.5, None, True], "b": (b"\xff", "é")}, memo and all, as protocol 2 writes it.
  static constexpr char written[] =

      "\x80\x02}q\x00(X\x01\x00\x00\x00"
      "aq\x01]q\x02("
      "K\x01J\xfe\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01G\x3f\xf8\x00\x00\x00\x00\x00\x00N\x88"
      "eX\x01\x00\x00\x00"
      "bq\x03"
      "c_"
      "codecs\nencode\nq\x04X\x02\x00\x00\x00\xc3\xbfX\x06\x00\x00\x00latin1\x86RX\x02\x00\x00\x00\xc3\xa9"
      "\x86u.";
  constexpr std::string_view opcodes(written, sizeof written - 1);
  const auto pickle = unpickled(opcodes);
  REQUIRE(pickle);
  const auto* dict = object_of(pickle->root, ObjectKind::dict);
  REQUIRE(dict != nullptr);
  const auto* list = object_of(*find_key(*dict, "a"), ObjectKind::list);
  REQUIRE(list != nullptr);
  REQUIRE(list->items.size() == 6);
  CHECK(std::get<std::int64_t>(list->items[0]) == 1);
  CHECK(std::get<std::int64_t>(list->items[1]) == -2);
  CHECK(std::get<std::int64_t>(list->items[2]) == std::int64_t{1} << 40);
  CHECK(std::get<double>(list->items[3]) == 1.5);
  CHECK(std::holds_alternative<std::monostate>(list->items[4]));
  CHECK(std::get<bool>(list->items[5]));
  const auto* tuple = object_of(*find_key(*dict, "b"), ObjectKind::tuple);
  REQUIRE(tuple != nullptr);
  REQUIRE(tuple->items.size() == 2);
  CHECK(object_of(tuple->items[0], ObjectKind::bytes)->text == "\xff");
  CHECK(object_of(tuple->items[1], ObjectKind::text)->text == "é");
  CHECK(find_key(*dict, "c") == nullptr);
  // Every shorter pickle ends too early, and says so.
  for (std::size_t size = 0; size < opcodes.size(); ++size) CHECK_FALSE(unpickled(opcodes.substr(0, size)));
}

TEST_CASE("tensors of a torch file are a trace by their names, and an engine's record without",
          "[input][torch]") {
  const TemporaryDirectory directory;
  const auto path = directory.write("ids.pt", fuzz::torch_bytes());
  const auto file = input::open_tensors(path, {});
  REQUIRE(file);
  REQUIRE(file->tensors.size() == 1);
  CHECK(file->tensors[0].name.empty());
  CHECK(file->tensors[0].type == DType::i32);
  CHECK(file->tensors[0].shape == std::vector<std::size_t>{4, 3, 2});
  const auto trace = input::read_trace(path);  // nothing but zeros: expert 0 twice, everywhere
  REQUIRE_FALSE(trace);
  CHECK(trace.error().message.find("nothing was routed") != std::string::npos);
}

TEST_CASE("a safetensors file may begin like a pickle", "[input][torch]") {
  const TemporaryDirectory directory;
  std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  header.append(0x280 - header.size(), ' ');  // as 8 bytes: 80 02 00 ...
  const auto file =
      input::open_tensors(directory.write("named-by-nothing", fuzz::safetensors_bytes(header, 1)), {});
  REQUIRE(file);
  CHECK(file->tensors[0].name == "a");
}

}  // namespace
}  // namespace pastonly
