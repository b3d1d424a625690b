#include "cli/outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "input/files/atomic_file.h"

namespace pastonly::cli {
namespace {

namespace fs = std::filesystem;

/// Whether both name one file, existing or not; links are followed.
bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  if (fs::equivalent(a, b, ignored)) return true;
  const fs::path left = fs::weakly_canonical(a, ignored), right = fs::weakly_canonical(b, ignored);
  return !left.empty() && left == right;
}

/// Whether an audit of `input` reads the file `path`.
bool reads(const fs::path& input, const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(input, ignored)) return same_file(input, path);
  const std::string name = path.filename().string();
  const bool of_plan =
      name == "plan.json" || name.ends_with(".in.safetensors") || name.ends_with(".out.safetensors");
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return of_plan && same_file(input, folder);
}

bool put(std::FILE* file, const std::string& bytes) {
  return std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fflush(file) == 0;
}

}  // namespace

bool wants_color(const std::string& choice) {
  if (choice != "auto") return choice == "always";
  const char* no_color = std::getenv("NO_COLOR");
  return (no_color == nullptr || *no_color == '\0') && isatty(STDOUT_FILENO) != 0;
}

Expected<void> print(const std::string& text) {
  errno = 0;
  if (put(stdout, text)) return {};
  if (errno == EPIPE) return input_error("");  // who closed the pipe has read enough
  return input_error(fmt::format("cannot write to stdout: {}", std::strerror(errno)));
}

Expected<Outputs::Target> Outputs::open_one(const std::string& spec) {
  const std::size_t equals = spec.find('=');
  Target target;
  const std::string format = spec.substr(0, equals);
  target.writer = report::find_writer(format);
  if (target.writer == nullptr) {
    return usage_error(fmt::format("-o {}: no report format is called \"{}\"; there are: {}", spec, format,
                                   report::format_names()));
  }
  if (equals == std::string::npos || spec.substr(equals + 1) == "-") return target;
  target.path = spec.substr(equals + 1);
  if (target.path.empty()) return usage_error(fmt::format("-o {}: the path is empty", spec));
  std::error_code ignored;
  const auto status = fs::status(target.path, ignored);
  // Devices and pipes are written in place: renaming over them would replace them.
  const bool in_place = fs::exists(status) && !fs::is_regular_file(status);
  if (in_place) {
    target.aside = target.path;
    target.file = std::fopen(target.path.c_str(), "wb");
  } else {
    auto [aside, file] = input::open_aside(target.path);
    target.aside = std::move(aside);
    target.file = file;
  }
  if (target.file == nullptr) {
    return usage_error(fmt::format("-o {}: cannot write {}: {}", spec, target.path, std::strerror(errno)));
  }
  return target;
}

/// "" where a report may go there.
std::string Outputs::objection(const std::string& path, const std::vector<std::string>& inputs) const {
  for (const Target& other : targets_) {
    const bool same = path.empty() || other.path.empty() ? path == other.path : same_file(path, other.path);
    if (same) return (path.empty() ? "stdout" : path) + " already takes another report";
  }
  for (const std::string& input : inputs) {
    if (!path.empty() && reads(input, path))
      return path + " is read by this audit; write the report elsewhere";
  }
  return "";
}

Expected<Outputs> Outputs::open(const std::vector<std::string>& specs, const std::string& color,
                                const std::vector<std::string>& inputs) {
  Outputs outputs;
  outputs.color_ = wants_color(color);
  for (const std::string& spec : specs) {
    const std::size_t equals = spec.find('=');
    const std::string path = equals == std::string::npos ? "" : spec.substr(equals + 1);
    if (auto why = outputs.objection(path == "-" ? "" : path, inputs); !why.empty()) {
      return usage_error(fmt::format("-o {}: {}", spec, why));
    }
    auto target = open_one(spec);
    if (!target) return tl::unexpected(target.error());
    outputs.targets_.push_back(*std::move(target));
  }
  if (specs.empty()) outputs.targets_.push_back({&report::writers().front(), "", "", nullptr});
  return outputs;
}

Outputs::Outputs(Outputs&& other) noexcept : targets_(std::move(other.targets_)), color_(other.color_) {
  other.targets_.clear();
}

Outputs::~Outputs() {
  for (const Target& target : targets_) {
    if (target.file == nullptr) continue;
    std::fclose(target.file);
    if (target.aside != target.path) std::remove(target.aside.c_str());
  }
}

bool Outputs::to_stdout() const noexcept {
  for (const Target& target : targets_) {
    if (target.path.empty()) return true;
  }
  return false;
}

Expected<void> Outputs::write(const Report& report) {
  // Files first: they stay whole where the reader of stdout has gone.
  std::stable_partition(targets_.begin(), targets_.end(),
                        [](const Target& target) { return !target.path.empty(); });
  for (Target& target : targets_) {
    const report::TextStyle style{color_ && target.path.empty(), 100};
    const std::string bytes = target.writer->write(report, style);
    if (target.path.empty()) {
      if (auto printed = print(bytes); !printed) return printed;
      continue;
    }
    bool written = put(target.file, bytes);
    written = std::fclose(std::exchange(target.file, nullptr)) == 0 && written;
    if (written && target.aside != target.path) {
      written = std::rename(target.aside.c_str(), target.path.c_str()) == 0;
    }
    if (!written) {
      const std::string why = std::strerror(errno);
      if (target.aside != target.path) std::remove(target.aside.c_str());
      return input_error(fmt::format("cannot write {}: {}", target.path, why));
    }
  }
  return {};
}

}  // namespace pastonly::cli
