#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lab/experiment.h"
#include "pastonly/error.h"

namespace pastonly::lab {

/// An arm as a Hugging Face checkpoint, or why there is none.
struct ExportedArm {
  std::string arm;
  std::filesystem::path directory;
  std::string obstacle;  ///< "" where it was written
};

/// Writes every finished arm's model to DIRECTORY/ARM (letters, digits, "._-"; others become "-"), declared
/// as top-k of as many experts per token as the arm's rule has, whatever that rule is: files of checkpoints
/// do not tell. Files of an earlier export are replaced. Arms that no known architecture can hold are left
/// out with the reason. Input errors: an arm is not in the store, a directory holds
/// other files than an export's, or files cannot be written.
Expected<std::vector<ExportedArm>> export_arms(const Experiment& experiment,
                                               const std::filesystem::path& store,
                                               const std::filesystem::path& directory);

}  // namespace pastonly::lab
