#include "input/plan/unplanned_outputs.h"

#include <algorithm>
#include <set>
#include <system_error>

namespace pastonly::input {

std::vector<std::string> unplanned_outputs(const std::filesystem::path& directory, const Plan& plan) {
  constexpr std::size_t most = 8;
  std::set<std::string> planned;
  for (const Intervention& run : plan.runs) planned.insert(output_name(run.id));
  std::vector<std::string> found;
  std::error_code unreadable;
  for (auto file = std::filesystem::directory_iterator(directory, unreadable);
       file != std::filesystem::directory_iterator(); file.increment(unreadable)) {
    std::string name = file->path().filename().string();
    if (name.ends_with(".out.safetensors") && !planned.contains(name)) found.push_back(std::move(name));
  }
  std::ranges::sort(found);
  found.resize(std::min(found.size(), most));
  return found;
}

}  // namespace pastonly::input
