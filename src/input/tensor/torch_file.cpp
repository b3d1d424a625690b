#include "input/tensor/torch_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "input/text/printable.h"

namespace pastonly::input {

namespace {

constexpr std::string_view pickle_member = "data.pkl";
constexpr std::size_t deepest_names = 8;
constexpr std::size_t most_names = 100'000;

/// "archive/data.pkl" -> "archive/": all members stand in one folder, whatever its name. nullopt: no such
/// file.
std::optional<std::string> top_folder(const ZipArchive& archive) {
  for (const auto& member : archive.members()) {
    if (member.name == pickle_member) return std::string();
    if (member.name.ends_with("/data.pkl") && std::count(member.name.begin(), member.name.end(), '/') == 1)
      return member.name.substr(0, member.name.size() - pickle_member.size());
  }
  return std::nullopt;
}

/// Collects tensors under the names that lead to them.
class NameCollector {
 public:
  explicit NameCollector(TensorFile& out) : out_(out) {}
  Expected<void> add(const PickleValue& value, const std::string& name, std::size_t depth) {
    if (++names_ > most_names)
      return input_error(fmt::format("{}: more than {} values", out_.path, most_names));
    const auto* object = std::get_if<const PickleObject*>(&value);
    if (object != nullptr && (*object)->kind == ObjectKind::tensor) {
      if (!seen_.insert(name).second)
        return input_error(fmt::format("{}: tensor '{}' occurs twice", out_.path, name));
      out_.tensors.push_back((*object)->tensor);
      out_.tensors.back().name = name;
      return {};
    }
    if (object == nullptr || depth == deepest_names) return other(value, name);
    const auto& items = (*object)->items;
    const std::string before = name.empty() ? "" : name + ".";
    if ((*object)->kind == ObjectKind::list || (*object)->kind == ObjectKind::tuple) {
      for (std::size_t i = 0; i < items.size(); ++i) {
        if (auto done = add(items[i], fmt::format("{}{}", before, i), depth + 1); !done) return done;
      }
      return {};
    }
    if ((*object)->kind != ObjectKind::dict) return other(value, name);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const auto* text = object_of(items[i], ObjectKind::text);
      const auto* number = std::get_if<std::int64_t>(&items[i]);
      if (text == nullptr && number == nullptr) continue;
      const std::string key = text != nullptr ? std::string(text->text) : fmt::format("{}", *number);
      if (auto done = add(items[i + 1], before + key, depth + 1); !done) return done;
    }
    return {};
  }

 private:
  Expected<void> other(const PickleValue& value, const std::string& name) {
    out_.others.emplace(name, "is " + describe(value));
    return {};
  }

  TensorFile& out_;
  std::set<std::string> seen_;
  std::size_t names_ = 0;
};

}  // namespace

bool is_torch_archive(const ZipArchive& archive) noexcept { return top_folder(archive).has_value(); }

bool looks_like_pickle(std::span<const std::byte> bytes) noexcept {
  // A safetensors file begins with the length of its header, which may be the same bytes, and then the
  // header.
  return bytes.size() > 2 && bytes[0] == std::byte{0x80} && bytes[1] >= std::byte{2} &&
         bytes[1] <= std::byte{5} && !(bytes.size() > 8 && bytes[8] == std::byte{'{'});
}

tl::unexpected<Error> refuse_bare_pickle(std::span<const std::byte> bytes, const std::string& path) {
  // torch.serialization.MAGIC_NUMBER as a pickle of protocol 2.
  constexpr std::string_view magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  if (bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0)
    return input_error(path +
                       ": is of torch.save's format before PyTorch 1.6; load it and torch.save it again");
  return input_error(
      path +
      ": is a bare pickle, which can be anything; save what it holds with torch.save, as tensors, "
      "lists and dicts");
}

Expected<TorchFile> read_torch(ZipArchive archive, const std::string& path) {
  const auto top = top_folder(archive);
  if (!top) return input_error(path + ": is no archive of torch.save (it has no data.pkl)");
  std::map<std::string, const ZipArchive::Member*, std::less<>> members;
  for (const auto& member : archive.members()) {
    if (!member.name.starts_with(*top)) continue;
    if (!members.emplace(member.name.substr(top->size()), &member).second)
      return input_error(printable(fmt::format("{}: member '{}' occurs twice", path, member.name)));
  }
  const auto read = [&](std::string_view name) -> Expected<std::span<const std::byte>> {
    const auto at = members.find(name);
    if (at == members.end()) return input_error(fmt::format("has no member '{}'", name));
    return archive.read(*at->second, fmt::format("{}: member '{}'", path, name));
  };
  if (members.contains("byteorder")) {
    const auto order = read("byteorder");
    if (!order) return tl::unexpected(order.error());
    const std::string_view text(reinterpret_cast<const char*>(order->data()), order->size());
    if (text != "little")
      return input_error(printable(
          fmt::format("{}: byte order '{}'; little-endian files are read", path, text.substr(0, 40))));
  }
  const auto bytes = read(pickle_member);
  if (!bytes) return tl::unexpected(bytes.error());
  const PickleStorages storages{[&](std::string_view key) { return read(fmt::format("data/{}", key)); },
                                [&](std::vector<std::byte> copy) { return archive.keep(std::move(copy)); },
                                [&] { return archive.room(); }};
  auto pickle = read_pickle(*bytes, path, storages);
  if (!pickle) return tl::unexpected(pickle.error());
  return TorchFile{path, std::make_shared<const Pickle>(std::move(*pickle)), archive.storage()};
}

Expected<TensorFile> tensors_of(const TorchFile& file) {
  TensorFile out;
  out.path = file.path;
  out.storage = std::make_shared<const TorchFile>(file);
  if (auto done = NameCollector(out).add(file.pickle->root, "", 0); !done)
    return tl::unexpected(printable(done.error()));
  std::sort(out.tensors.begin(), out.tensors.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace pastonly::input
