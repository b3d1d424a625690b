#include "subject/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "input/plan.h"
#include "input/trace_file.h"

namespace pastonly {
namespace {

Expected<void> make_empty(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory, error)) {
    if (!std::filesystem::is_directory(directory, error) || !std::filesystem::is_empty(directory, error)) {
      return usage_error(
          fmt::format("{}: exists already; name a directory that is empty or not there", directory.string()));
    }
    return {};
  }
  std::filesystem::create_directories(directory, error);
  if (error) return input_error(fmt::format("{}: cannot be made: {}", directory.string(), error.message()));
  return {};
}

}  // namespace

Expected<std::unique_ptr<Recording>> Recording::start(Subject& subject,
                                                      const std::filesystem::path& directory) {
  if (auto made = make_empty(directory); !made) return tl::unexpected(made.error());
  return std::unique_ptr<Recording>(new Recording(subject, directory));
}

Expected<Trace> Recording::observe(const Intervention& run) {
  auto trace = subject_.observe(run);
  const auto& runs = subject_.interventions();
  if (!trace || std::ranges::find(runs, run) == runs.end()) return trace;
  {
    const std::lock_guard lock(mutex_);
    if (!kept_.insert(run.id).second) return trace;
  }
  const auto in = directory_ / input::input_name(run.id);
  if (auto done = input::write_tokens(in, trace->layout, trace->tokens, trace->valid); !done)
    return tl::unexpected(done.error());
  const auto out = directory_ / input::output_name(run.id);
  if (auto done = input::write_trace(out, to_data(*trace)); !done) return tl::unexpected(done.error());
  return trace;
}

Expected<void> Recording::finish(const Watch& watch) {
  const auto& runs = subject_.interventions();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (kept_.contains(runs[i].id)) continue;
    if (watch.stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
    watch.progress(static_cast<double>(i) / static_cast<double>(runs.size()), "recording");
    if (const auto trace = observe(runs[i]); !trace) return tl::unexpected(trace.error());
  }
  return input::write_plan(directory_, {runs});
}

}  // namespace pastonly
