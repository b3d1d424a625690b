#include "session/original_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pastonly::session {
namespace {

/// Named again by the originals themselves.
bool is_a_subject(const std::string& key) { return key == "models"; }

Expected<void> check_withheld(const Report& report) {
  std::vector<std::string> options;
  for (const std::string& key : report.redaction->withheld) {
    if (!is_a_subject(key)) options.push_back("--" + key);
  }
  if (options.empty()) return {};
  return usage_error(fmt::format(
      "the audit was given {}, which the redacted report withholds: verify it against the full report "
      "(verify REDACTED.json FULL.json)",
      fmt::join(options, ", ")));
}

}  // namespace

Expected<Report> with_originals(const Report& redacted, const std::vector<std::string>& originals) {
  const std::string& kind = redacted.subject.kind;
  if (kind == "logs" || kind == "process" || kind == "endpoint")
    return usage_error(
        kind == "logs"
            ? "the report is of training logs: verify it against the full report (verify REDACTED.json "
              "FULL.json)"
            : "the report is of a program, which cannot be verified: record it (audit --exec ... "
              "--record PLAN), audit PLAN, and verify the report of that");
  const bool comparison = kind == "comparison";
  const std::size_t wanted = comparison ? 2 : 1 + redacted.beside.size();
  if (originals.size() != wanted)
    return usage_error(fmt::format("the report was made from {} recording{}; {} {} given", wanted,
                                   wanted == 1 ? "" : "s", originals.size(),
                                   originals.size() == 1 ? "is" : "are"));
  Report out = redacted;
  std::vector<Report*> all{&out};
  for (Report& other : out.beside) all.push_back(&other);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (auto known = check_withheld(*all[i]); !known) return tl::unexpected(known.error());
    all[i]->subject.name = originals[i];
    all[i]->redaction.reset();
  }
  if (comparison) out.subject.options.set("models", Value::Array{originals[0], originals[1]});
  return out;
}

}  // namespace pastonly::session
