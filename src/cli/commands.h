#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "pastonly/error.h"

namespace pastonly::cli {

/// What every command accepts, and where it leaves its exit code.
struct Session {
  std::vector<std::string> arguments;  ///< as typed, without the program's name
  std::uint64_t seed = 0;
  unsigned threads = 0;  ///< 0 = one per hardware thread
  bool quiet = false;
  std::string color = "auto";
  std::vector<std::string> outputs;  ///< FORMAT[=PATH]
  bool redact = false;               ///< reports are written without what tells of tokens and paths
  int exit_code = 0;
};

/// Which of the options that every command accepts its help shows: all, threads and quiet, seed and color,
/// color, none.
enum class Shown { all, work, drawn, color, none };
void add_session_options(CLI::App& command, Session& session, Shown shown);
void add_output_option(CLI::App& command, Session& session);
/// -o text or json on stdout, of commands that make no report.
void add_format_option(CLI::App& command, std::string& format);
void add_redact_option(CLI::App& command, Session& session);
/// Prints the error as one line on stderr; the exit code that its kind asks for.
int complain(const Error& error);

// Each adds one subcommand; its callback runs it and sets session.exit_code.
void add_audit(CLI::App& app, Session& session);
void add_lab(CLI::App& app, Session& session);
void add_bound(CLI::App& app, Session& session);
void add_rules(CLI::App& app, Session& session);
void add_explain(CLI::App& app, Session& session);
void add_report(CLI::App& app, Session& session);
void add_compare(CLI::App& app, Session& session);
void add_plan(CLI::App& app, Session& session);
void add_verify(CLI::App& app, Session& session);
void add_lint(CLI::App& app, Session& session);

}  // namespace pastonly::cli
