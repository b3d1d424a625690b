#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "report/writer.h"

namespace pastonly::cli {

/// Where reports go: `-o FORMAT[=PATH]`. Files are opened before long work starts, written aside and
/// renamed at the end, so that a reader never takes half a report for a whole one; what was not
/// written is removed again.
class Outputs {
 public:
  /// Usage errors: an unknown format, one place asked for twice (under whatever names), a path that cannot
  /// be written, and one that would replace what is read: a file of `inputs`, or a file of a plan where
  /// one of them is its directory.
  static Expected<Outputs> open(const std::vector<std::string>& specs, const std::string& color,
                                const std::vector<std::string>& inputs);
  Outputs(Outputs&&) noexcept;
  Outputs& operator=(Outputs&&) = delete;
  ~Outputs();

  Expected<void> write(const Report& report);
  bool to_stdout() const noexcept;

 private:
  struct Target {
    const report::Writer* writer = nullptr;
    std::string path;   ///< "" = stdout
    std::string aside;  ///< renamed to path when written; equal to path where that is no regular file
    std::FILE* file = nullptr;
  };
  Outputs() = default;
  static Expected<Target> open_one(const std::string& spec);
  std::string objection(const std::string& path, const std::vector<std::string>& inputs) const;

  std::vector<Target> targets_;
  bool color_ = false;
};

/// Whether text on stdout is colored: always, never, or (auto) on a terminal without NO_COLOR.
bool wants_color(const std::string& choice);
/// The text on stdout, unbuffered remains included; an error where stdout is closed or full.
Expected<void> print(const std::string& text);

}  // namespace pastonly::cli
