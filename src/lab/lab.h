#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/corpus.h"
#include "lab/evaluation.h"
#include "lab/experiment.h"
#include "lab/trainer.h"
#include "pastonly/error.h"
#include "pastonly/report.h"
#include "pastonly/watch.h"

namespace pastonly::lab {

struct LabOptions {
  std::filesystem::path directory;  ///< where arms are kept (store.h)
  unsigned threads = 1;
  Watch watch;  ///< `what`: the arm and what it is doing
};

/// Trains and evaluates every arm of the experiment that is not finished yet, several at once where there
/// are several, and reports on all. Interrupted or killed at any moment, it goes on from what is stored.
/// Results do not depend on interruptions or threads.
Expected<Report::Experiment> run(const Experiment& experiment, const LabOptions& options);

/// A finished arm's model as it was trained, wrappers in place. Input errors where it is not there.
Expected<std::unique_ptr<ArmModel>> open_arm(const Experiment& experiment, const Arm& arm,
                                             const std::filesystem::path& directory);

}  // namespace pastonly::lab
