#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "external/external_model.h"
#include "input/trace/trace_file.h"
#include "pastonly/error.h"

namespace pastonly::cli {

/// `--exec --url --vocab --attach --timeout` as typed.
struct ProgramArguments {
  std::string command;
  std::string url;
  std::uint64_t vocab = 0;
  std::string attached;  ///< IN,OUT
  double timeout = 600.0;
};
void add_program_options(CLI::App& command, ProgramArguments& arguments);
/// Usage errors name the option. Of a server, experts and top-k of `recorded` are for whoever asks it, and
/// taken out.
Expected<external::Program> parse(const ProgramArguments& arguments, input::TraceOptions& recorded);

}  // namespace pastonly::cli
