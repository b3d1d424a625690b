#include <fmt/format.h>
#include <fmt/ranges.h>

#include "input/tensor/safetensors.h"
#include "input/trace/batch_shape.h"
#include "input/trace/trace_file.h"

namespace pastonly::input {

namespace {

Expected<const Tensor*> find_tokens(const TensorFile& file) {
  const Tensor* tokens = file.find("tokens");
  if (tokens == nullptr) return input_error(file.path + ": has no tensor 'tokens'");
  if (is_float(tokens->type) || tokens->type == DType::boolean) {
    return input_error(
        fmt::format("{}: tensor 'tokens': {}, expected integers", file.path, name(tokens->type)));
  }
  if (tokens->shape.size() != 2 || tokens->shape[0] == 0 || tokens->shape[1] == 0) {
    return input_error(fmt::format("{}: tensor 'tokens': shape ({}), expected (sequences, positions)",
                                   file.path, fmt::join(tokens->shape, ", ")));
  }
  return tokens;
}

}  // namespace

Expected<TokensFile> read_tokens(const std::filesystem::path& path) {
  const auto file = read_safetensors(path);
  if (!file) return tl::unexpected(file.error());
  if (const auto at = file->metadata.find("schema");
      at != file->metadata.end() && at->second != "pastonly.tokens/1") {
    return input_error(fmt::format("{}: __metadata__ schema is '{}', expected pastonly.tokens/1",
                                   path.string(), at->second));
  }
  const auto tokens = find_tokens(*file);
  if (!tokens) return tl::unexpected(tokens.error());

  TokensFile out;
  out.layout = {(*tokens)->shape[0], (*tokens)->shape[1], TokenOrder::batch_major};
  std::vector<std::int64_t> scratch;
  const auto ids =
      read_integers(token_tensor(batch_array(**tokens), out.layout), 0, out.layout.tokens(), scratch);
  out.tokens.assign(ids.data(), ids.data() + ids.size());
  if (const Tensor* valid = file->find("valid")) {
    if (valid->shape != (*tokens)->shape || size_of(valid->type) != 1) {
      return input_error(fmt::format(
          "{}: tensor 'valid': {} of shape ({}), expected U8 or BOOL of shape ({})", path.string(),
          name(valid->type), fmt::join(valid->shape, ", "), fmt::join((*tokens)->shape, ", ")));
    }
    for (const std::byte value : valid->bytes) {
      if (value > std::byte{1}) {
        return input_error(fmt::format("{}: tensor 'valid': holds {}, expected 0 (padding) or 1",
                                       path.string(), std::to_integer<int>(value)));
      }
      out.valid.push_back(std::to_integer<std::uint8_t>(value));
    }
  }
  return out;
}

}  // namespace pastonly::input
