#include "cli/outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace pastonly::cli {
namespace {

std::string formats() {
  std::string list;
  for (const auto& writer : report::writers())
    list += (list.empty() ? "" : ", ") + std::string(writer.format);
  return list;
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
  if (!put(stdout, text)) return input_error(fmt::format("cannot write to stdout: {}", std::strerror(errno)));
  return {};
}

Expected<Outputs::Target> Outputs::open_one(const std::string& spec) {
  const std::size_t equals = spec.find('=');
  Target target;
  const std::string format = spec.substr(0, equals);
  target.writer = report::find_writer(format);
  if (target.writer == nullptr) {
    return usage_error(
        fmt::format("-o {}: no report format is called \"{}\"; there are: {}", spec, format, formats()));
  }
  if (equals == std::string::npos || spec.substr(equals + 1) == "-") return target;
  target.path = spec.substr(equals + 1);
  if (target.path.empty()) return usage_error(fmt::format("-o {}: the path is empty", spec));
  std::error_code ignored;
  const auto status = std::filesystem::status(target.path, ignored);
  // Devices and pipes are written in place: renaming over them would replace them.
  const bool in_place = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
  target.aside = in_place ? target.path : target.path + ".partial";
  target.file = std::fopen(target.aside.c_str(), "wb");
  if (target.file == nullptr) {
    return usage_error(fmt::format("-o {}: cannot write {}: {}", spec, target.path, std::strerror(errno)));
  }
  return target;
}

Expected<Outputs> Outputs::open(const std::vector<std::string>& specs, const std::string& color) {
  Outputs outputs;
  outputs.color_ = wants_color(color);
  for (const std::string& spec : specs) {
    auto target = open_one(spec);
    if (!target) return tl::unexpected(target.error());
    for (const Target& other : outputs.targets_) {
      if (other.path != target->path) continue;
      if (target->file != nullptr) std::fclose(target->file);
      return usage_error(fmt::format("-o {}: {} already takes another report", spec,
                                     target->path.empty() ? "stdout" : target->path));
    }
    outputs.targets_.push_back(*std::move(target));
  }
  if (specs.empty()) outputs.targets_.push_back({report::find_writer("text"), "", "", nullptr});
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
