#include "session/text_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "input/files/mapped_file.h"
#include "input/text/printable.h"
#include "input/tokenizer/tokenizer.h"
#include "subjects/file_record.h"
#include "subjects/token_draws.h"

namespace pastonly::session {
namespace {

constexpr std::size_t longest_text = std::size_t{1} << 30;
constexpr std::string_view tokenizer_name = "tokenizer.json";

}  // namespace

Expected<subjects::DrawTokens> text_tokens(const std::filesystem::path& checkpoint, const std::string& text,
                                           std::size_t vocab, std::size_t positions) {
  const auto path = checkpoint / tokenizer_name;
  std::error_code error;
  if (!std::filesystem::is_directory(checkpoint, error))
    return usage_error(input::printable(fmt::format(
        "--text {}: the tokenizer of {} is not read; save the ids and give them as --tokens npy:ids.npy",
        text, checkpoint.string())));
  if (!std::filesystem::exists(path, error))
    return input_error(input::printable(
        fmt::format("--text {0}: {1} holds no tokenizer.json. Write one: python3 -c \"import transformers; "
                    "transformers.AutoTokenizer.from_pretrained('{1}').save_pretrained('{1}')\"; or save the "
                    "ids and give them as "
                    "--tokens npy:ids.npy",
                    text, checkpoint.string())));
  auto file = input::MappedFile::open(text);
  if (!file) return tl::unexpected(file.error());
  const auto bytes = (*file)->bytes();
  if (bytes.size() > longest_text)
    return input_error(
        input::printable(fmt::format("{}: {} bytes of text; at most {} are read (head -c {} cuts it)", text,
                                     bytes.size(), longest_text, longest_text)));
  auto tokenizer = input::Tokenizer::open(path);
  if (!tokenizer) return tl::unexpected(tokenizer.error());
  auto ids = tokenizer->encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, text);
  if (!ids) return tl::unexpected(ids.error());
  const auto unknown =
      std::ranges::find_if(*ids, [&](std::int32_t id) { return static_cast<std::size_t>(id) >= vocab; });
  if (unknown != ids->end())
    return input_error(input::printable(
        fmt::format("{}: its token {} is '{}', which {} gives the id {}; config.json has a vocab_size of {}",
                    text, unknown - ids->begin(), tokenizer->token(static_cast<std::uint32_t>(*unknown)),
                    path.string(), *unknown, vocab)));
  return subjects::draws_from(input::stream_of(text, *std::move(ids), vocab), text, positions);
}

std::vector<FileRecord> text_files(const std::filesystem::path& checkpoint, const std::string& text) {
  if (text.empty()) return {};
  return {subjects::record_file(checkpoint / tokenizer_name), subjects::record_file(text)};
}

}  // namespace pastonly::session
