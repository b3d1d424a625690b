#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "input/text/parse_json.h"
#include "pastonly/error.h"
#include "pastonly/intervention.h"

namespace pastonly::input {

/// plan.json of a plan directory (docs/formats.md, pastonly.plan/1), checked: ids unique, bases exist,
/// every kind has its keys and no others, lists ascending where they must be.
struct Plan {
  /// What is asked of; optional, and informative only.
  struct Model {
    std::vector<std::uint32_t> layers;
    std::optional<std::size_t> experts, top_k, vocab;
    std::vector<std::int64_t> special;  ///< ids of beginning, end, padding and the like
  };
  /// What is odd about the recorded model itself, whatever its runs show: `pastonly audit --record` writes
  /// it.
  struct Remark {
    std::string id;  ///< lower-case letters, digits and hyphens
    std::string message;
    friend bool operator==(const Remark&, const Remark&) = default;
  };
  std::vector<Intervention> runs;  ///< ascending id
  std::optional<Model> model = std::nullopt;
  std::vector<Remark> remarks = {};
};
/// In time linear in the text. Interrupted once `stop` says yes.
Expected<Plan> read_plan(const std::filesystem::path& directory, const Stop& stop = go_on);
Expected<Plan> parse_plan(std::string_view text, std::string_view name, const Stop& stop = go_on);
Expected<void> write_plan(const std::filesystem::path& directory, const Plan& plan);
/// A run as plan.json has it, on one line; a company, which no plan holds, with its rule and seed. Runs of
/// equal text show the same.
std::string run_text(const Intervention& run);
/// "0007.in.safetensors", "0007.out.safetensors"
std::string input_name(std::uint32_t id);
std::string output_name(std::uint32_t id);

}  // namespace pastonly::input
