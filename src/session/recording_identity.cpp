#include "session/recording_identity.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <system_error>

#include "input/trace/trace_metadata.h"
#include "kernels/bf16_product.h"
#include "pastonly/version.h"

namespace pastonly::session {
namespace {

namespace fs = std::filesystem;

/// The same from wherever the command is given.
std::string absolute(const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::canonical(path, error);
  return error ? path : whole.string();
}

/// "1234 bytes of 2026-01-31T12:00:00.123456789Z"
std::string length_and_time(const std::string& path) {
  using std::chrono::nanoseconds;
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  const auto changed = fs::last_write_time(path, error);
  if (error) return "cannot be read";
  const auto since =
      std::chrono::duration_cast<nanoseconds>(std::chrono::file_clock::to_sys(changed).time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return fmt::format("{} bytes of {:%Y-%m-%dT%H:%M:%S}.{:09}Z", bytes,
                     fmt::gmtime(static_cast<std::time_t>(seconds.count())), (since - seconds).count());
}

}  // namespace

Expected<recording::RecordingIdentity> identity_of(const AuditRequest& request, const Policy& policy,
                                                   Subject& subject) {
  const auto base = subject.outline(subject.interventions().front());
  if (!base) return tl::unexpected(base.error());
  const CheckpointOptions& how = request.checkpoint;
  const std::size_t colon = how.tokens.find(':');
  const std::string tokens_file = how.tokens.empty() ? "" : absolute(how.tokens.substr(colon + 1));
  recording::RecordingIdentity out{
      {"version", std::string(version())},
      {"commit", std::string(commit())},
      {"checkpoint", request.subject.empty() ? "none" : absolute(request.subject)},
      {"program", request.program.command.empty() ? subject.info().name : request.program.command},
      {"twin", how.causal_baseline.empty() ? "none" : absolute(how.causal_baseline)},
      {"rule", how.rule.empty() ? "declared" : how.rule},
      {"as", how.family.empty() ? "declared" : how.family},
      // Products of bfloat16 round otherwise where the processor has its own.
      {"precision", how.precision == "bfloat16" && kernels::has_bf16_products() ? "bfloat16 of the processor"
                                                                                : how.precision},
      {"seed", fmt::format("{}", request.seed)},
      {"tokens", how.tokens.empty() ? "drawn" : how.tokens.substr(0, colon + 1) + tokens_file},
      {"text", how.text.empty() ? "none" : absolute(how.text)},
      {"source", policy.source ? name(*policy.source) : "none"},
      {"batch", fmt::format("{}", base->layout.sequences)},
      {"positions", fmt::format("{}", base->layout.positions)},
      {"layout", std::string(input::name(base->layout.order))},
      {"limit", how.limit > 0.0 ? fmt::format("{:g}", how.limit) : "standard"},
      {"budget", fmt::format("{}", subject.capabilities().budget)}};
  for (const FileRecord& file : subject.info().files)
    out.emplace_back(absolute(file.path), length_and_time(file.path));
  if (!tokens_file.empty()) out.emplace_back(tokens_file, length_and_time(tokens_file));
  return out;
}

}  // namespace pastonly::session
