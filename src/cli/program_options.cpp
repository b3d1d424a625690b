#include "cli/program_options.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>

#include "cli/validators.h"

namespace pastonly::cli {
namespace {

/// "3,4"
Expected<std::pair<int, int>> descriptors(const std::string& text) {
  std::pair<int, int> out;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, out.first);
  const bool comma = first.ec == std::errc() && first.ptr != end && *first.ptr == ',';
  const auto second = comma ? std::from_chars(first.ptr + 1, end, out.second) : first;
  if (!comma || second.ec != std::errc() || second.ptr != end)
    return usage_error(fmt::format("--attach {}: expected two file descriptors, for example 3,4", text));
  for (const int number : {out.first, out.second}) {
    if (number < 3 || ::fcntl(number, F_GETFD) < 0)
      return usage_error(fmt::format("--attach {}: {} is no open file descriptor above 2", text, number));
  }
  if (out.first == out.second) return usage_error(fmt::format("--attach {}: one descriptor twice", text));
  return out;
}

/// The Python package asks the server, as a program of its own. A shell reads the command.
std::string asking(const std::string& url, std::uint64_t vocab, const input::TraceOptions& routes) {
  std::string quoted = "'";
  for (const char c : url) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  std::string out = fmt::format("exec python3 -m pastonly.server {}' --vocab {}", quoted, vocab);
  if (routes.experts) out += fmt::format(" --experts {}", *routes.experts);
  if (routes.top_k) out += fmt::format(" --top-k {}", *routes.top_k);
  return out;
}

}  // namespace

void add_program_options(CLI::App& command, ProgramArguments& arguments) {
  constexpr const char* group = "Options for programs";
  auto* exec = command
                   .add_option("--exec", arguments.command,
                               "Shell command of a program that runs the model and answers batches "
                               "(docs/formats.md), audited instead of a subject")
                   ->type_name("COMMAND")
                   ->check(not_empty())
                   ->group(group);
  auto* url =
      command
          .add_option("--url", arguments.url,
                      "Server that completes prompts of token ids (vLLM, SGLang, OpenAI-compatible), audited "
                      "as it is served; asked by the Python package (docs/python.md)")
          ->type_name("URL")
          ->check(not_empty())
          ->excludes(exec)
          ->group(group);
  auto* vocab =
      command.add_option("--vocab", arguments.vocab, "Size of the vocabulary of the server's model")
          ->type_name("N")
          ->check(positive_whole())
          ->needs(url)
          ->group(group);
  url->needs(vocab);
  command
      .add_option(
          "--attach", arguments.attached,
          "The same of a program that has started pastonly: descriptors of the pipes that it answers on and "
          "is asked on")
      ->type_name("IN,OUT")
      ->check(not_empty())
      ->excludes(exec)
      ->excludes(url)
      ->group(group);
  command
      .add_option("--timeout", arguments.timeout, "Seconds to wait for a program's start and for each answer")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str()
      ->group(group);
}

Expected<external::Program> parse(const ProgramArguments& arguments, input::TraceOptions& recorded) {
  external::Program program;
  program.command = arguments.command;
  if (!arguments.url.empty()) {
    program.command = asking(arguments.url, arguments.vocab, recorded);
    recorded.experts.reset();
    recorded.top_k.reset();
  }
  program.patience = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.timeout * 1000.0));
  if (arguments.attached.empty()) return program;
  const auto attached = descriptors(arguments.attached);
  if (!attached) return tl::unexpected(attached.error());
  program.attached = *attached;
  return program;
}

}  // namespace pastonly::cli
