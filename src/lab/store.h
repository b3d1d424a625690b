#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "input/text/parse_json.h"
#include "pastonly/error.h"

namespace pastonly::lab {

/// Where one arm is kept: DIRECTORY/HASH/{state.safetensors, losses.json, result.json}, HASH being of the
/// arm's key (experiment.h), so that a changed arm never meets another's state. Every file is written
/// aside and renamed; what does not read as whole, or is of another key, counts as not there.
class ArmStore {
 public:
  ArmStore(const std::filesystem::path& directory, std::string key);

  /// Makes the directory. Input errors.
  Expected<void> prepare() const;
  std::filesystem::path state() const { return directory_ / "state.safetensors"; }
  /// Of what others keep with the arm; they write it aside and rename it as well.
  std::filesystem::path file(const std::string& name) const { return directory_ / name; }

  /// Loss of every step done so far, bits per token. Write before the state: a state then always finds the
  /// losses of all its steps.
  Expected<void> write_losses(const std::vector<double>& losses) const;
  std::optional<std::vector<double>> read_losses() const;
  Expected<void> write_result(const input::Json& result) const;
  std::optional<input::Json> read_result() const;

 private:
  Expected<void> write(const char* name, input::Json value) const;
  std::optional<input::Json> read(const char* name) const;

  std::filesystem::path directory_;
  std::string key_;
};

}  // namespace pastonly::lab
