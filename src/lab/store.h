#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "input/text/parse_json.h"
#include "lab/training_record.h"
#include "pastonly/error.h"

namespace pastonly::lab {

/// Where one arm is kept: DIRECTORY/HASH/{state.safetensors, training.json, result.json}, HASH being of the
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

  /// What was measured in the steps done so far. Write before the state: a state then always finds the
  /// record of all its steps.
  Expected<void> write_training(const TrainingRecord& record) const;
  std::optional<TrainingRecord> read_training() const;
  Expected<void> write_result(const input::Json& result) const;
  std::optional<input::Json> read_result() const;

 private:
  Expected<void> write(const char* name, input::Json value) const;
  std::optional<input::Json> read(const char* name) const;

  std::filesystem::path directory_;
  std::string key_;
};

}  // namespace pastonly::lab
