#include "input/trace/tags_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "input/files/mapped_file.h"
#include "input/tensor/npy.h"

namespace pastonly::input {
namespace {

constexpr std::size_t largest_text = std::size_t{256} << 20;

Expected<TagsFile> from_array(const std::filesystem::path& path) {
  const auto file = read_npy(path);
  if (!file) return tl::unexpected(file.error());
  const Tensor& array = file->tensors.front();
  if (is_float(array.type) || array.type == DType::boolean)
    return input_error(fmt::format("{}: tags of {}, expected integers", path.string(), name(array.type)));
  if (array.shape.empty() || array.shape.size() > 2)
    return input_error(
        fmt::format("{}: shape ({}), expected (sequences, positions), or (sequences) for one tag a sequence",
                    path.string(), fmt::join(array.shape, ", ")));
  const std::size_t count = array.bytes.size() / size_of(array.type);
  const TokenTensor column{array.type, 1, count, 1, 0, size_of(array.type), array.bytes.data()};
  std::vector<std::int64_t> scratch;
  const auto values = read_integers(column, 0, count, scratch);
  TagsFile out{path, {values.data(), values.data() + values.size()}, {}};
  if (array.shape.size() == 2) out.sequences = array.shape.front();
  return out;
}

Expected<TagsFile> from_lines(const std::filesystem::path& path) {
  const auto text = read_text(path, largest_text);
  if (!text) return tl::unexpected(text.error());
  if (text->find('\0') != std::string::npos)
    return input_error(fmt::format(
        "{}: neither a .npy array nor text; tags are integers (sequences, positions) or (sequences), or one "
        "label a line",
        path.string()));
  TagsFile out{path, {}, {}};
  std::unordered_map<std::string_view, std::int64_t> numbers;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view label = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (label.ends_with('\r')) label.remove_suffix(1);
    const auto next = static_cast<std::int64_t>(numbers.size());
    out.values.push_back(label.empty() ? -1 : numbers.emplace(label, next).first->second);
  }
  return out;
}

}  // namespace

Expected<TagsFile> read_tags(const std::filesystem::path& path) {
  return path.extension() == ".npy" ? from_array(path) : from_lines(path);
}

Expected<Tag> tag_tokens(const TagsFile& file, const std::string& name, const Layout& layout) {
  const std::size_t count = file.values.size();
  const bool by_token =
      count == layout.tokens() && file.sequences.value_or(layout.sequences) == layout.sequences;
  if (by_token) return Tag{name, file.values};
  if (file.sequences || count != layout.sequences)
    return input_error(fmt::format(
        "{}: {} tags, and the batch has {} sequences of {} positions: expected {} tags "
        "(one a sequence) or {} (one a token)",
        file.path.string(), count, layout.sequences, layout.positions, layout.sequences, layout.tokens()));
  Tag out{name, {}};
  out.values.reserve(layout.tokens());
  for (const std::int64_t value : file.values) out.values.insert(out.values.end(), layout.positions, value);
  return out;
}

}  // namespace pastonly::input
