#pragma once

#include <CLI/Formatter.hpp>
#include <string>

namespace pastonly::cli {

/// CLI11's help, with lines of at most 100 columns: what an option says goes on below where it began.
class WrappedHelp : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace pastonly::cli
