#include "session/external_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "session/drawn_tokens.h"
#include "stats/interval.h"
#include "subjects/external_subject.h"

namespace pastonly::session {
namespace {

constexpr std::uint64_t standard_budget = std::uint64_t{1} << 15;

Expected<void> fitting_options(const AuditRequest& request) {
  const input::TraceOptions& recorded = request.options;
  const CheckpointOptions& checkpoint = request.checkpoint;
  if (recorded.order || !recorded.shape.empty() || recorded.mode || recorded.stage || recorded.compute ||
      recorded.top_k || recorded.experts || !recorded.map.empty())
    return usage_error(
        "--layout, --shape, --mode, --stage, --compute, --top-k, --experts and --map are for recorded files; "
        "a "
        "program says these things in its traces");
  if (!checkpoint.rule.empty() || !checkpoint.family.empty() || !checkpoint.causal_baseline.empty() ||
      !checkpoint.text.empty() || checkpoint.precision != "float32")
    return usage_error("--rule, --as, --twin, --text and --precision are for checkpoints");
  return {};
}

/// What was asked for, or eight rows of 128, fewer where the program takes no more.
Expected<Layout> layout_of(const external::Hello& hello, const AuditRequest& request) {
  constexpr std::size_t any = std::size_t{1} << 31;
  const std::size_t rows = hello.max_batch.value_or(any), length = hello.max_positions.value_or(any),
                    tokens = hello.max_tokens.value_or(any);
  Layout layout{std::min<std::size_t>(8, rows), std::min<std::size_t>(128, length)};
  // Runs of kind length append half a row.
  if (layout.positions + layout.positions / 2 > length)
    layout.positions = std::max<std::size_t>(2, length * 2 / 3);
  if (request.checkpoint.positions > 0) layout.positions = request.checkpoint.positions;
  if (request.options.batch) layout.sequences = *request.options.batch;
  while (!request.options.batch && layout.sequences > 1 && layout.tokens() * 3 / 2 > tokens)
    layout.sequences /= 2;
  const auto beyond = [&](const char* option, std::size_t asked, std::size_t most) {
    return usage_error(fmt::format("{} {}: the program takes {} at most", option, asked, most));
  };
  if (layout.sequences > rows) return beyond("--batch", layout.sequences, rows);
  if (layout.positions > length) return beyond("--positions", layout.positions, length);
  if (layout.tokens() > tokens) return beyond("a batch of tokens,", layout.tokens(), tokens);
  return layout;
}

/// Half of what is free where answers pass through.
std::uint64_t room_in(const std::filesystem::path& directory) {
  std::error_code unknown;
  const auto space = std::filesystem::space(directory, unknown);
  return unknown ? std::uint64_t{1} << 30 : space.available / 2;
}

}  // namespace

Expected<ExternalSubject> open_external(const AuditRequest& request, Policy& policy, const Watch& watch) {
  if (auto good = fitting_options(request); !good) return tl::unexpected(good.error());
  watch.progress(std::nullopt, "waiting for the program");
  auto model = external::ExternalModel::start(request.program, watch.stop);
  if (!model) return tl::unexpected(model.error());
  ExternalSubject out;
  out.model = *std::move(model);
  const external::Hello& hello = out.model->hello();
  const auto layout = layout_of(hello, request);
  if (!layout) return tl::unexpected(layout.error());
  subjects::ExternalOptions options;
  options.layout = *layout;
  options.seed = request.seed;
  if (const double limit = request.checkpoint.limit; limit > 0.0)
    options.trials = {stats::trials_for(limit, policy.alpha), true};
  options.budget = request.checkpoint.budget > 0 ? request.checkpoint.budget : standard_budget;
  options.disk = room_in(out.model->directory());
  auto draw = drawn_tokens(request.checkpoint.tokens, hello.vocab, layout->positions, "the program", policy);
  if (!draw) return tl::unexpected(draw.error());
  if (request.checkpoint.tokens.empty()) options.drawn_from = policy.source;
  watch.progress(std::nullopt, "the first batch");
  auto subject = subjects::make_external(*out.model, *std::move(draw), options);
  if (!subject) return tl::unexpected(subject.error());
  out.subject = *std::move(subject);
  return out;
}

}  // namespace pastonly::session
