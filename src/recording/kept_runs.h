#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "pastonly/trace.h"
#include "recording/recording_folder.h"

namespace pastonly::recording {

/// The runs of one subject in an unfinished recording. A run's trace stands where the plan directory has it
/// (runs of the plan) or in `unfinished` as KEY.safetensors, KEY being a hash of the run, the subject and the
/// recording's identity. KEY.json, the seal, is written last and says how long the trace is and what it
/// hashes to: what is without a seal or not as the seal says counts as not there. Safe for several threads.
class KeptRuns {
 public:
  enum class Part { all, losses };  ///< losses: the trace without its layers, 12 bytes a token

  /// `whose`: tells the subject from others in the folder, which must outlive this. `plan`: runs that are
  /// part of the plan directory. `routed`: the subject's whole traces have layers.
  KeptRuns(const RecordingFolder& folder, std::string whose, std::vector<Intervention> plan, bool routed);

  /// The run's trace as it was kept, where that part of it was. `outline`: what is known of it
  /// (Subject::outline); a trace of another layout or of other tokens counts as not there.
  std::optional<Trace> find(const Intervention& run, const Trace& outline, Part part) const;
  /// Keeps that part, and returns what `find` will: fresh runs and kept ones look the same. Input errors:
  /// those of writing.
  Expected<Trace> keep(const Intervention& run, const Trace& trace, const Trace& outline, Part part);
  /// Whether all of the trace is, to the last bit, what was kept of the run. Input errors: those of writing
  /// it aside.
  Expected<bool> same(const Intervention& run, const Trace& trace) const;

 private:
  struct Seal {
    Part part = Part::all;
    std::uint64_t bytes = 0;
    std::string sha256;
  };
  bool planned(const Intervention& run) const;
  std::string key(const Intervention& run) const;
  std::filesystem::path trace_path(const Intervention& run) const;
  std::filesystem::path seal_path(const Intervention& run) const;
  std::optional<Seal> read_seal(const Intervention& run) const;
  Expected<void> write_seal(const Intervention& run, Part part) const;

  const RecordingFolder& folder_;
  std::string whose_;
  std::vector<Intervention> plan_;
  bool routed_;
  std::mutex mutex_;  // of writing: the trace and its seal belong together
};

}  // namespace pastonly::recording
