#include "session/plan_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "input/plan/plan.h"
#include "input/trace/trace_file.h"
#include "session/drawn_tokens.h"
#include "stats/interval.h"
#include "subjects/external_subject.h"

namespace pastonly::session {
namespace {

constexpr std::size_t noisy_repeats = 16;
constexpr std::size_t most_runs = 20'000;  // plan.json stays well below what audits read
constexpr double alpha = 0.05;             // of the limit; audits state their own

Expected<void> claim_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory, error) && !std::filesystem::is_empty(directory, error))
    return usage_error(
        fmt::format("{}: is not empty; a plan is written to a directory of its own", directory.string()));
  std::filesystem::create_directories(directory, error);
  if (error)
    return input_error(fmt::format("{}: cannot be created: {}", directory.string(), error.message()));
  return {};
}

subjects::PlanOptions options_of(const PlanRequest& request) {
  subjects::WantedTrials trials;
  if (request.limit > 0.0) trials = {stats::trials_for(request.limit, alpha), true};
  auto options = subjects::external_plan(request.layout, trials);
  if (request.noisy) options.repeats = noisy_repeats;
  options.stream_tokens = 0;
  return options;
}

}  // namespace

Expected<PlanMade> write_plan_files(const PlanRequest& request, const Watch& watch) {
  for (const std::int64_t id : request.special) {
    if (id < 0 || static_cast<std::uint64_t>(id) >= request.vocab)
      return usage_error(fmt::format("--special {}: a token of a vocabulary of {}", id, request.vocab));
  }
  Policy policy;
  policy.source = request.source;
  auto draw = drawn_tokens(request.tokens, request.vocab, request.layout.positions, "the model", policy);
  if (!draw) return tl::unexpected(draw.error());
  const subjects::RunInputs inputs(*std::move(draw), request.layout, request.seed);
  if (auto good = inputs.check(request.tokens.empty() ? "--source" : request.tokens); !good)
    return tl::unexpected(good.error());
  input::Plan plan{subjects::external_runs(options_of(request), request.layout)};
  if (plan.runs.size() > most_runs)
    return usage_error(fmt::format(
        "--limit {:g}: takes {} runs of this shape, and a plan holds {} at most; ask for a larger "
        "limit, or more sequences (--batch)",
        request.limit, plan.runs.size(), most_runs));
  if (auto claimed = claim_directory(request.directory); !claimed) return tl::unexpected(claimed.error());
  plan.model.emplace().vocab = request.vocab;
  plan.model->special = request.special;
  PlanMade made;
  made.runs = plan.runs.size();
  const std::filesystem::path directory = request.directory;
  for (const Intervention& run : plan.runs) {
    watch.progress(static_cast<double>(run.id) / static_cast<double>(made.runs),
                   fmt::format("run {} of {}", run.id + 1, made.runs));
    const auto batch = inputs.batch(run);
    if (!batch) return tl::unexpected(batch.error());
    made.tokens += batch->layout.tokens();
    if (run.kind == Intervention::Kind::suffix) made.trials += run.rows.size();
    const auto path = directory / input::input_name(run.id);
    if (auto written = input::write_tokens(path, batch->layout, batch->tokens, batch->valid); !written)
      return tl::unexpected(written.error());
  }
  // Last: a directory without it is no plan.
  if (auto written = input::write_plan(directory, plan); !written) return tl::unexpected(written.error());
  return made;
}

}  // namespace pastonly::session
