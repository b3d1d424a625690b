#include "input/trace/tags_file.h"

#include <cstring>

#include "catch.h"
#include "unit/input/temporary_directory.h"

namespace pastonly::input {
namespace {

/// Format 1.0, C order.
std::string npy(const std::string& type, const std::string& shape, const std::string& data) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size() % 256) +
         static_cast<char>(header.size() / 256) + header + data;
}

std::string shorts(std::initializer_list<std::int16_t> values) {
  std::string out(values.size() * 2, '\0');
  std::memcpy(out.data(), values.begin(), out.size());
  return out;
}

std::vector<std::int64_t> tagged(const std::filesystem::path& path, const Layout& layout) {
  const auto file = read_tags(path);
  if (!file) FAIL(file.error().message);
  const auto tag = tag_tokens(*file, "language", layout);
  if (!tag) FAIL(tag.error().message);
  CHECK(tag->name == "language");
  return tag->values;
}

std::string refused(const std::filesystem::path& path, const Layout& layout) {
  const auto file = read_tags(path);
  if (!file) return file.error().message;
  const auto tag = tag_tokens(*file, "language", layout);
  return tag ? "" : tag.error().message;
}

}  // namespace

TEST_CASE("tags beside a recording, by sequence and by token", "[input][tags]") {
  const TemporaryDirectory folder;
  const Layout layout{2, 3};
  using Values = std::vector<std::int64_t>;
  const Values by_sequence{7, 7, 7, -1, -1, -1}, by_token{1, 2, 3, 4, 5, 6};
  CHECK(tagged(folder.write("a.npy", npy("<i2", "(2,)", shorts({7, -1}))), layout) == by_sequence);
  CHECK(tagged(folder.write("b.npy", npy("<i2", "(2, 3)", shorts({1, 2, 3, 4, 5, 6}))), layout) == by_token);
  CHECK(tagged(folder.write("c.npy", npy("<i2", "(6,)", shorts({1, 2, 3, 4, 5, 6}))), layout) == by_token);
  CHECK(tagged(folder.write("d.txt", "English\r\n\r\n"), layout) == Values{0, 0, 0, -1, -1, -1});
  CHECK(tagged(folder.write("e.txt", "b\na\nb\n\nc\na"), layout) == Values{0, 1, 0, -1, 2, 1});
  // One position: a tag a sequence is a tag a token.
  CHECK(tagged(folder.write("f.txt", "b\na\n"), {2, 1}) == Values{0, 1});
}

TEST_CASE("tags of another batch, or none at all, are refused", "[input][tags]") {
  const TemporaryDirectory folder;
  const Layout layout{2, 3};
  const auto contains = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(contains(refused(folder.write("a.npy", npy("<i2", "(3, 2)", shorts({1, 2, 3, 4, 5, 6}))), layout),
                 "a.npy: 6 tags, and the batch has 2 sequences of 3 positions"));
  CHECK(contains(refused(folder.write("b.npy", npy("<i2", "(1, 2)", shorts({1, 2}))), layout), "2 tags"));
  CHECK(contains(refused(folder.write("c.npy", npy("<i2", "(1, 2, 3)", shorts({1, 2, 3, 4, 5, 6}))), layout),
                 "shape (1, 2, 3)"));
  CHECK(contains(refused(folder.write("d.npy", npy("<f2", "(2,)", shorts({1, 2}))), layout), "integers"));
  CHECK(contains(refused(folder.write("e.npy", npy("<i2", "(2,)", shorts({1}))), layout), "e.npy"));
  CHECK(contains(refused(folder.write("f.npy", npy("<i2", "()", shorts({1}))), layout), "shape ()"));
  CHECK(contains(refused(folder.write("g.txt", ""), layout), "0 tags"));
  CHECK(contains(refused(folder.write("h.txt", "a\nb\nc\n"), layout), "3 tags"));
  CHECK(contains(refused(folder.write("i.bin", std::string("a\0b\n", 4)), layout), "neither"));
  CHECK(contains(refused(folder.path() / "absent.txt", layout), "absent.txt"));
  CHECK(contains(refused(folder.path(), layout), folder.path().string()));
}

}  // namespace pastonly::input
