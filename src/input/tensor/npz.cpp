#include "input/tensor/npz.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "input/tensor/npy.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

Expected<Tensor> read_array(ZipArchive& archive, const ZipArchive::Member& member, const std::string& path,
                            const std::string& name) {
  const auto bytes = archive.read(member, fmt::format("{}: array '{}'", path, name));
  if (!bytes) return tl::unexpected(bytes.error());
  auto array = parse_npy(*bytes, path, name, archive.room());
  if (!array) return tl::unexpected(array.error());
  if (!array->reordered.empty()) archive.keep(std::move(array->reordered));
  return std::move(array->tensor);
}

}  // namespace

Expected<TensorFile> read_npz(const std::filesystem::path& path,
                              const std::function<bool(std::string_view)>& wanted) {
  auto mapped = MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  auto archive = ZipArchive::open(std::move(*mapped), path.string());
  if (!archive) return tl::unexpected(archive.error());

  TensorFile file;
  file.path = path.string();
  std::set<std::string, std::less<>> seen;
  for (const auto& member : archive->members()) {
    std::string name = member.name;
    if (!name.ends_with(".npy")) {
      file.others.emplace(std::move(name), "is not an .npy array");
      continue;
    }
    name.resize(name.size() - 4);
    if (!seen.insert(name).second)
      return input_error(printable(fmt::format("{}: array '{}' occurs twice", file.path, name)));
    if (!wanted(name)) {
      file.others.emplace(std::move(name), "was not asked for");
      continue;
    }
    auto tensor = read_array(*archive, member, file.path, name);
    if (!tensor) return tl::unexpected(tensor.error());
    file.tensors.push_back(std::move(*tensor));
  }
  std::sort(file.tensors.begin(), file.tensors.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  file.storage = archive->storage();
  return file;
}

}  // namespace pastonly::input
