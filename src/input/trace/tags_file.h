#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/layout.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// What a file says of the sequences or tokens of a batch that a recording does not say of itself.
struct TagsFile {
  std::filesystem::path path;
  std::vector<std::int64_t> values;      ///< negative = nothing is said
  std::optional<std::size_t> sequences;  ///< B where the file is (B, S); else its length has to tell
};

/// A .npy array of integers, (B) or (B, S), or text with a label a line: labels are numbered from 0 in order
/// of appearance, and an empty line says nothing. Input errors: what cannot be read as such.
Expected<TagsFile> read_tags(const std::filesystem::path& path);

/// The file's values as a tag of every token of a batch of this layout: of one value a sequence, or one a
/// token. Input error: it holds another number of them.
Expected<Tag> tag_tokens(const TagsFile& file, const std::string& name, const Layout& layout);

}  // namespace pastonly::input
