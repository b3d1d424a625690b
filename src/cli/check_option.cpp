#include "cli/check_option.h"

#include <fmt/format.h>

#include "pastonly/check.h"
#include "stats/nearest_names.h"

namespace pastonly::cli {

CLI::Option* add_check_option(CLI::App& command, std::vector<std::string>& ids) {
  return command.add_option("--check", ids, "Run only this check; repeatable")
      ->type_name("ID")
      ->allow_extra_args(false);
}

Expected<void> known_checks(const std::vector<std::string>& ids) {
  std::vector<std::string> all;
  for (const Check& check : all_checks()) all.emplace_back(check.id);
  for (const std::string& id : ids) {
    if (find_check(id) == nullptr) {
      const std::string near = stats::did_you_mean(id, all);
      return usage_error(
          fmt::format("--check {}: no check has that id{}", id,
                      near.empty() ? fmt::format("; there are {}", fmt::join(all, ", ")) : near));
    }
  }
  return {};
}

}  // namespace pastonly::cli
