#include "lint/read_document.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "lint/readers.h"

namespace pastonly::lint {
namespace {

constexpr auto endings = std::to_array<std::pair<std::string_view, Syntax>>({
    {".yaml", Syntax::yaml},
    {".yml", Syntax::yaml},
    {".json", Syntax::json},
    {".toml", Syntax::toml},
    {".sh", Syntax::shell},
    {".bash", Syntax::shell},
    {".slurm", Syntax::shell},
    {".sbatch", Syntax::shell},
    {".zsh", Syntax::shell},
    {".py", Syntax::python},
    {".gin", Syntax::gin},
    {".log", Syntax::log},
    {".out", Syntax::log},
    {".err", Syntax::log},
    {".txt", Syntax::log},
});

Expected<Document> read_by(std::string_view text, Syntax syntax) {
  switch (syntax) {
    case Syntax::yaml:
      return read_yaml(text);
    case Syntax::json:
      return read_json(text);
    case Syntax::toml:
      return read_toml(text);
    case Syntax::shell:
      return read_shell(text);
    case Syntax::python:
      return read_python(text);
    case Syntax::gin:
      return read_gin(text);
    case Syntax::log:
    case Syntax::gguf:  // no text: read_gguf_model
      break;
  }
  return read_log(text);
}

}  // namespace

std::optional<Syntax> syntax_of(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  for (const auto& [text, syntax] : endings) {
    if (ending == text) return syntax;
  }
  return std::nullopt;
}

std::optional<Syntax> syntax_of_text(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  text.remove_prefix(first);
  if (text.front() == '{') return Syntax::json;
  if (text.rfind("#!", 0) == 0) {
    const std::string_view line = text.substr(0, text.find('\n'));
    return line.find("python") != std::string_view::npos ? Syntax::python : Syntax::shell;
  }
  return text.find(" ....") != std::string_view::npos || text.find("Namespace(") != std::string_view::npos
             ? Syntax::log
             : Syntax::shell;
}

Expected<Document> read_document(std::string_view text, Syntax syntax) {
  if (text.find('\0') != std::string_view::npos) return input_error("holds NUL bytes: this is no text");
  const std::size_t most = syntax == Syntax::log ? most_log_bytes : most_bytes;
  if (text.size() > most)
    return input_error(fmt::format("{} bytes, more than the {} of a configuration", text.size(), most));
  auto document = read_by(text, syntax);
  if (document && document->full())
    return input_error(fmt::format("more than {} keys: this is no configuration", Document::most_entries));
  return document;
}

}  // namespace pastonly::lint
