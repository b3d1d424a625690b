#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "input/trace/trace_file.h"
#include "pastonly/error.h"

namespace pastonly::cli {

/// `--batch --layout --shape --mode --stage --top-k --experts --map` as typed.
struct TraceArguments {
  std::size_t batch = 0;
  std::string layout;
  std::vector<std::size_t> shape;
  std::string mode;
  std::string stage;
  std::string compute;
  std::size_t top_k = 0;
  std::size_t experts = 0;
  std::vector<std::string> map;  ///< KEY=NAME each
};
void add_trace_options(CLI::App& command, TraceArguments& arguments);
/// Usage errors name the option.
Expected<input::TraceOptions> parse(const TraceArguments& arguments);
/// Options of the form KEY=VALUE, by key. Usage errors name the option and what was `expected`.
Expected<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& entries,
                                                         std::string_view option, std::string_view expected);

}  // namespace pastonly::cli
