#include "input/tensor/npz.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <memory>
#include <set>

#include "input/files/mapped_file.h"
#include "input/tensor/npy.h"
#include "input/tensor/zip_directory.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

struct Discard {
  void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
  void operator()(zip_file_t* file) const noexcept { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Member = std::unique_ptr<zip_file_t, Discard>;

// Far more than the arrays of any trace.
constexpr zip_int64_t most_members = 10'000;
// Deflate cannot shrink data by more than this; a larger promise is a lie.
constexpr std::uint64_t largest_deflate_ratio = 1032;

Expected<Archive> open_archive(std::span<const std::byte> bytes, const std::string& path) {
  // libzip takes an empty file for an empty archive.
  if (bytes.empty()) return input_error(path + ": not a readable zip archive: it is empty");
  zip_error_t error;
  zip_error_init(&error);
  const auto fail = [&] {
    auto result =
        input_error(fmt::format("{}: not a readable zip archive: {}", path, zip_error_strerror(&error)));
    zip_error_fini(&error);
    return result;
  };
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source == nullptr) return fail();
  Archive archive(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (archive == nullptr) {
    zip_source_free(source);
    return fail();
  }
  zip_error_fini(&error);
  return archive;
}

/// One archive being read: the mapped bytes, what was inflated of it, and how much more may be.
class NpzReader {
 public:
  struct Storage {
    std::shared_ptr<const MappedFile> mapped;
    std::vector<std::vector<std::byte>> inflated;
  };

  NpzReader(zip_t* archive, std::shared_ptr<const MappedFile> mapped, std::string path)
      : archive_(archive), storage_(std::make_shared<Storage>()), path_(std::move(path)) {
    storage_->mapped = std::move(mapped);
  }
  Expected<Tensor> read(zip_uint64_t index, const zip_stat_t& stat, std::string_view name);
  std::shared_ptr<const Storage> storage() const { return storage_; }

 private:
  tl::unexpected<Error> fail(std::string_view name, std::string_view why) const {
    return input_error(printable(fmt::format("{}: array '{}': {}", path_, name, why)));
  }
  Expected<Tensor> parse(std::span<const std::byte> bytes, std::string_view name);
  Expected<std::span<const std::byte>> inflate(zip_uint64_t index, const zip_stat_t& stat,
                                               std::string_view name);

  zip_t* archive_;
  std::shared_ptr<Storage> storage_;
  std::string path_;
  std::uint64_t inflated_ = 0;
};

Expected<std::span<const std::byte>> NpzReader::inflate(zip_uint64_t index, const zip_stat_t& stat,
                                                        std::string_view name) {
  if (stat.size > npz_inflated_limit - inflated_) {
    return fail(
        name,
        fmt::format("inflates to {} bytes; compressed arrays may have {} in all. Store them uncompressed "
                    "(numpy.savez) or as safetensors",
                    stat.size, npz_inflated_limit));
  }
  if (stat.size / largest_deflate_ratio > stat.comp_size + 64) {
    return fail(name, fmt::format("declares {} bytes, more than its {} compressed bytes can hold", stat.size,
                                  stat.comp_size));
  }
  const Member member(zip_fopen_index(archive_, index, 0));
  if (member == nullptr) return fail(name, fmt::format("cannot be opened: {}", zip_strerror(archive_)));
  std::vector<std::byte> bytes(stat.size);
  std::size_t done = 0;
  std::byte beyond{};
  for (;;) {
    const bool full = done == bytes.size();
    // One byte past the declared size, so that a member that holds more is noticed.
    const auto got = full ? zip_fread(member.get(), &beyond, 1)
                          : zip_fread(member.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0) return fail(name, fmt::format("cannot be inflated: {}", zip_file_strerror(member.get())));
    if (got == 0) break;
    if (full) return fail(name, fmt::format("holds more than the {} bytes it declares", stat.size));
    done += static_cast<std::size_t>(got);
  }
  if (done != bytes.size()) {
    return fail(name, fmt::format("holds {} bytes, declares {}", done, stat.size));
  }
  inflated_ += bytes.size();
  storage_->inflated.push_back(std::move(bytes));
  return std::span<const std::byte>(storage_->inflated.back());
}

Expected<Tensor> NpzReader::parse(std::span<const std::byte> bytes, std::string_view name) {
  auto array = parse_npy(bytes, path_, name, npz_inflated_limit - inflated_);
  if (!array) return tl::unexpected(array.error());
  if (!array->reordered.empty()) {
    inflated_ += array->reordered.size();
    storage_->inflated.push_back(std::move(array->reordered));
  }
  return std::move(array->tensor);
}

Expected<Tensor> NpzReader::read(zip_uint64_t index, const zip_stat_t& stat, std::string_view name) {
  constexpr auto needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if ((stat.valid & needed) != needed) return fail(name, "has no size");
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
    return fail(name, "is encrypted");
  }
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    return fail(name,
                fmt::format("compression method {} is not read (stored and deflated are)", stat.comp_method));
  }
  if (stat.comp_method == ZIP_CM_STORE) {
    if (const auto bytes = stored_member(storage_->mapped->bytes(), index, stat.name, stat.size)) {
      return parse(*bytes, name);
    }
  }
  const auto bytes = inflate(index, stat, name);
  if (!bytes) return tl::unexpected(bytes.error());
  return parse(*bytes, name);
}

}  // namespace

Expected<TensorFile> read_npz(const std::filesystem::path& path,
                              const std::function<bool(std::string_view)>& wanted) {
  const auto mapped = MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  const auto archive = open_archive((*mapped)->bytes(), path.string());
  if (!archive) return tl::unexpected(archive.error());

  TensorFile file;
  file.path = path.string();
  NpzReader reader(archive->get(), *mapped, file.path);
  std::set<std::string, std::less<>> seen;
  const auto count = zip_get_num_entries(archive->get(), 0);
  if (count > most_members) {
    return input_error(
        fmt::format("{}: {} members, more than the {} that are read", file.path, count, most_members));
  }
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t stat;
    if (zip_stat_index(archive->get(), index, 0, &stat) != 0 || (stat.valid & ZIP_STAT_NAME) == 0) {
      return input_error(fmt::format("{}: member {} has no readable entry", file.path, i));
    }
    std::string name = stat.name;
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
    auto tensor = reader.read(index, stat, name);
    if (!tensor) return tl::unexpected(tensor.error());
    file.tensors.push_back(std::move(*tensor));
  }
  std::sort(file.tensors.begin(), file.tensors.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  file.storage = reader.storage();
  return file;
}

}  // namespace pastonly::input
