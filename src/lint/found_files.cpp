#include "lint/found_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "lint/read_document.h"

namespace pastonly::lint {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_visited = 200000;  // entries of one directory tree
constexpr int deepest_folder = 40;

bool left_out(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.rfind('.', 0) == 0 || name == "node_modules" || name == "__pycache__" ||
         name == "site-packages";
}

void search(const std::string& root, FoundFiles& out) {
  std::error_code failed;
  fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, failed);
  if (failed) return out.trouble.push_back(fmt::format("{}: {}", root, failed.message()));
  std::vector<FoundFile> found;
  std::size_t visited = 0;
  for (const fs::recursive_directory_iterator end; at != end; at.increment(failed)) {
    if (failed || ++visited > most_visited) break;
    std::error_code ignored;
    if (at->is_symlink(ignored)) continue;
    if (at->is_directory(ignored)) {
      if (left_out(at->path()) || at.depth() >= deepest_folder) at.disable_recursion_pending();
    } else if (at->is_regular_file(ignored) && syntax_of(at->path())) {
      found.push_back({at->path().string(), false});
    }
  }
  if (failed) out.trouble.push_back(fmt::format("{}: {}", root, failed.message()));
  if (visited > most_visited)
    out.trouble.push_back(
        fmt::format("{}: more than {} files and folders; name the ones that matter", root, most_visited));
  std::ranges::sort(found, {}, &FoundFile::path);
  out.files.insert(out.files.end(), found.begin(), found.end());
}

}  // namespace

FoundFiles find_files(const std::vector<std::string>& paths) {
  FoundFiles out;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored))
      search(path, out);
    else
      out.files.push_back({path, true});
  }
  return out;
}

}  // namespace pastonly::lint
