#include "subject/recording.h"

#include <fmt/format.h>

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

Expected<void> record_plan(Subject& subject, const std::filesystem::path& directory, const Watch& watch) {
  if (auto made = make_empty(directory); !made) return made;
  const auto& runs = subject.interventions();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (watch.stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
    watch.progress(static_cast<double>(i) / static_cast<double>(runs.size()), "recording");
    const auto trace = subject.observe(runs[i]);
    if (!trace) return tl::unexpected(trace.error());
    const auto in = directory / input::input_name(runs[i].id);
    if (auto done = input::write_tokens(in, trace->layout, trace->tokens, trace->valid); !done) return done;
    const auto out = directory / input::output_name(runs[i].id);
    if (auto done = input::write_trace(out, to_data(*trace)); !done) return done;
  }
  return input::write_plan(directory, {runs});
}

}  // namespace pastonly
