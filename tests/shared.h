#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "catch.h"

/// Data that lies beside the project on its developers' machines and nowhere else. A test that needs
/// it skips, saying so, where it is absent.
inline std::optional<std::filesystem::path> shared_data(std::string_view name) {
  auto path = std::filesystem::path(PASTONLY_SOURCE_DIR) / ".." / "shared" / name;
  if (std::filesystem::exists(path)) return path;
  WARN("skipped: ../shared/" << name << " is not here");
  return std::nullopt;
}
