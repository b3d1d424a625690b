#include "input/tensor/zip_archive.h"

#include <fmt/format.h>

#include "input/tensor/zip_directory.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

// Far more than the arrays of any trace.
constexpr zip_int64_t most_members = 10'000;
// Deflate cannot shrink data by more than this; a larger promise is a lie.
constexpr std::uint64_t largest_deflate_ratio = 1032;

tl::unexpected<Error> bad_member(const std::string& label, std::string_view why) {
  return input_error(printable(fmt::format("{}: {}", label, why)));
}

}  // namespace

Expected<ZipArchive> ZipArchive::open(std::shared_ptr<const MappedFile> mapped, const std::string& path) {
  const auto bytes = mapped->bytes();
  // libzip takes an empty file for an empty archive.
  if (bytes.empty()) return input_error(path + ": not a readable zip archive: it is empty");
  zip_error_t error;
  zip_error_init(&error);
  const auto unreadable = [&] {
    auto result =
        input_error(fmt::format("{}: not a readable zip archive: {}", path, zip_error_strerror(&error)));
    zip_error_fini(&error);
    return result;
  };
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source == nullptr) return unreadable();
  ZipArchive archive;
  archive.storage_->mapped = std::move(mapped);
  archive.archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (archive.archive_ == nullptr) {
    zip_source_free(source);
    return unreadable();
  }
  zip_error_fini(&error);

  const auto count = zip_get_num_entries(archive.archive_.get(), 0);
  if (count > most_members) {
    return input_error(
        fmt::format("{}: {} members, more than the {} that are read", path, count, most_members));
  }
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t stat;
    if (zip_stat_index(archive.archive_.get(), index, 0, &stat) != 0 || (stat.valid & ZIP_STAT_NAME) == 0)
      return input_error(fmt::format("{}: member {} has no readable entry", path, i));
    archive.members_.push_back({index, stat.name});
  }
  return archive;
}

Expected<std::span<const std::byte>> ZipArchive::inflate(const Member& member, const zip_stat_t& stat,
                                                         const std::string& label) {
  if (stat.size > room()) {
    return bad_member(label,
                      fmt::format("inflates to {} bytes; compressed arrays may have {} in all. Store them "
                                  "uncompressed (numpy.savez) or as safetensors",
                                  stat.size, copied_limit));
  }
  if (stat.size / largest_deflate_ratio > stat.comp_size + 64) {
    return bad_member(label, fmt::format("declares {} bytes, more than its {} compressed bytes can hold",
                                         stat.size, stat.comp_size));
  }
  const std::unique_ptr<zip_file_t, Discard> file(zip_fopen_index(archive_.get(), member.index, 0));
  if (file == nullptr)
    return bad_member(label, fmt::format("cannot be opened: {}", zip_strerror(archive_.get())));
  std::vector<std::byte> bytes(stat.size);
  std::size_t done = 0;
  std::byte beyond{};
  for (;;) {
    const bool full = done == bytes.size();
    // One byte past the declared size, so that a member that holds more is noticed.
    const auto got = full ? zip_fread(file.get(), &beyond, 1)
                          : zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0)
      return bad_member(label, fmt::format("cannot be inflated: {}", zip_file_strerror(file.get())));
    if (got == 0) break;
    if (full) return bad_member(label, fmt::format("holds more than the {} bytes it declares", stat.size));
    done += static_cast<std::size_t>(got);
  }
  if (done != bytes.size())
    return bad_member(label, fmt::format("holds {} bytes, declares {}", done, stat.size));
  return keep(std::move(bytes));
}

Expected<std::span<const std::byte>> ZipArchive::read(const Member& member, const std::string& label) {
  constexpr auto needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  zip_stat_t stat;
  if (zip_stat_index(archive_.get(), member.index, 0, &stat) != 0 || (stat.valid & needed) != needed)
    return bad_member(label, "has no size");
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE)
    return bad_member(label, "is encrypted");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    return bad_member(
        label, fmt::format("compression method {} is not read (stored and deflated are)", stat.comp_method));
  }
  if (stat.comp_method == ZIP_CM_STORE) {
    if (const auto bytes = stored_member(storage_->mapped->bytes(), member.index, member.name, stat.size)) {
      return *bytes;
    }
  }
  return inflate(member, stat, label);
}

std::span<const std::byte> ZipArchive::keep(std::vector<std::byte> bytes) {
  copied_ += bytes.size();
  storage_->copies.push_back(std::move(bytes));
  return storage_->copies.back();
}

}  // namespace pastonly::input
