#pragma once

#include <memory>
#include <span>
#include <string>

#include "input/tensor/pickle.h"
#include "input/tensor/zip_archive.h"

namespace pastonly::input {

/// What torch.save wrote: values, and tensors that view the mapped file. Copies share both.
struct TorchFile {
  std::string path;
  std::shared_ptr<const Pickle> pickle;
  std::shared_ptr<const void> archive;
};

/// Does an archive have the members that torch.save writes?
bool is_torch_archive(const ZipArchive& archive) noexcept;
/// Does a file begin like torch.save's format before PyTorch 1.6, or like a bare pickle?
bool looks_like_pickle(std::span<const std::byte> bytes) noexcept;
/// How such a file is refused: what it is, and how to save it so that it is read.
tl::unexpected<Error> refuse_bare_pickle(std::span<const std::byte> bytes, const std::string& path);

/// Reads the archive of torch.save without executing anything (pickle.h). Big-endian files are input errors.
Expected<TorchFile> read_torch(ZipArchive archive, const std::string& path);

/// The tensors of a file that holds nothing else of use: one alone, a list or tuple of them (named by
/// number), or dicts of them (names joined by dots). Values that are no tensors are listed under `others`.
Expected<TensorFile> tensors_of(const TorchFile& file);

}  // namespace pastonly::input
