#include "subjects/external_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "integrity/declaration.h"
#include "integrity/response.h"
#include "integrity/run_consistency.h"
#include "integrity/same_record.h"
#include "subjects/trace_capabilities.h"

namespace pastonly::subjects {
namespace {

using Kind = Intervention::Kind;

constexpr std::size_t quiet_repeats = 4, noisy_repeats = 8;

/// A pass each, in another program.
constexpr std::size_t most_streams = 128;

bool answers(Kind kind, bool streams) {
  return kind != Kind::shuffle && kind != Kind::reroute && kind != Kind::foreign_batch &&
         (kind != Kind::stream || streams);
}

/// 1 at the tokens that a stream runs.
std::vector<std::uint8_t> streamed_tokens(const Intervention& run, const Layout& layout) {
  std::vector<std::uint8_t> out(layout.tokens(), 0);
  for (const std::size_t row : run.rows) {
    for (std::size_t position = run.every - 1; position < layout.positions; position += run.every)
      out[layout.token(row, position)] = 1;
  }
  return out;
}

class ExternalSubject final : public Subject {
 public:
  ExternalSubject(external::ExternalModel& model, DrawTokens draw, const ExternalOptions& options)
      : model_(model), options_(options), inputs_(std::move(draw), options.layout, options.seed) {}
  Expected<void> open();

  const SubjectInfo& info() const noexcept override { return info_; }
  Capabilities capabilities() const noexcept override { return capabilities_; }
  const std::vector<Intervention>& interventions() const noexcept override { return runs_; }
  const std::vector<Intervention>& missing() const noexcept override { return missing_; }
  Expected<Trace> observe(const Intervention& run) override;
  Expected<Trace> outline(const Intervention& run) override;

 private:
  Expected<Trace> answer(const Intervention& run);
  Expected<void> check_restart(Trace& trace);
  void describe(const Trace& first);
  std::string path_of(const Intervention& run) const { return fmt::format("{} run {}", info_.name, run.id); }

  external::ExternalModel& model_;
  ExternalOptions options_;
  RunInputs inputs_;
  SubjectInfo info_;
  Capabilities capabilities_;
  std::vector<Intervention> runs_;
  std::vector<Intervention> missing_;
  std::optional<Trace> first_;    // of the first base, from when it is open
  bool drifts_ = false;           // the first base, run twice, differed
  std::mutex mutex_;              // of what follows
  std::optional<Error> changed_;  // started again it is another model
  std::size_t restarts_ = 0;      // of the program, after which it was held against the first base
};

Expected<void> ExternalSubject::open() {
  info_.name = model_.name();
  if (auto good = inputs_.check(info_.name); !good) return good;
  const Intervention base;
  auto first = answer(base);
  if (!first) return tl::unexpected(first.error());
  options_.layout.order = first->layout.order;  // cuts are chosen by it
  inputs_ = RunInputs(inputs_, options_.layout);
  Intervention repeat;
  repeat.id = 1;
  repeat.kind = Kind::repeat;
  repeat.base = 0;
  const auto again = answer(repeat);
  if (!again) return tl::unexpected(again.error());
  drifts_ = !integrity::same_record(*first, *again);
  describe(*first);
  PlanOptions wanted = external_plan(options_.layout, options_.trials);
  if (!model_.hello().streams || !capabilities_.routes) wanted.stream_tokens = 0;
  if (drifts_ || model_.hello().noisy) wanted.repeats = noisy_repeats;
  if (const auto most = model_.hello().max_positions)
    std::erase_if(wanted.append, [&](std::size_t more) { return options_.layout.positions + more > *most; });
  // Engines that leave out the last token route one position less.
  Layout routed = options_.layout;
  routed.positions = first->layout.positions;
  runs_ = external_runs(wanted, routed);
  const double bytes = integrity::recorded_bytes(*first);
  const auto fitting = static_cast<std::size_t>(static_cast<double>(options_.disk) / std::max(bytes, 1.0));
  if (runs_.size() > fitting) {
    wanted.grouped -= std::min(wanted.grouped, runs_.size() - fitting);
    runs_ = external_runs(wanted, routed);
  }
  if (runs_.size() > fitting)
    return usage_error(
        fmt::format("{}: a plan of {} runs takes {:.3g} MB in {}, which has room for {:.3g}; ask for a "
                    "smaller --batch or "
                    "--positions, or name another place with TMPDIR",
                    info_.name, runs_.size(), bytes * static_cast<double>(runs_.size()) / 1e6,
                    model_.directory().parent_path().string(), static_cast<double>(options_.disk) / 1e6));
  first_ = *std::move(first);
  return {};
}

void ExternalSubject::describe(const Trace& first) {
  const external::Hello& hello = model_.hello();
  info_.kind = options_.kind;
  info_.mode = first.mode;
  info_.stage = first.stage;
  info_.vocab = hello.vocab;
  info_.special_tokens = hello.special;
  info_.drawn_from = options_.drawn_from;
  for (const auto& remark : hello.remarks)
    info_.issues.push_back({TraceIssue::Kind::oddity, remark.id, remark.message, {}, 0});
  for (const std::uint32_t layer : hello.layers) {
    const bool recorded = std::ranges::any_of(
        first.layers, [&](const LayerRecord& record) { return raw(record.index) == layer; });
    if (!recorded) info_.unrecorded_layers.push_back(layer);
  }
  capabilities_ = trace_capabilities(first);
  capabilities_.live = capabilities_.fresh = true;
  capabilities_.budget = options_.budget;
}

/// A run's answer by itself: read, and of the tokens that it was asked for.
Expected<Trace> ExternalSubject::answer(const Intervention& run) {
  auto batch = inputs_.batch(run);
  if (!batch) return tl::unexpected(batch.error());
  const bool streams = run.kind == Kind::stream;
  if (streams) batch->valid = streamed_tokens(run, batch->layout);
  const external::Streamed streamed{run.rows, run.every};
  auto trace = model_.answer({batch->layout, batch->tokens, batch->valid}, inputs_.chance(run),
                             streams ? &streamed : nullptr);
  if (!trace) return trace;
  trace->path = path_of(run);
  if (!trace->vocab) trace->vocab = model_.hello().vocab;
  const auto contradiction = [&](const std::string& why) { return input_error(trace->path + ": " + why); };
  if (*trace->vocab != model_.hello().vocab)
    return contradiction(fmt::format("the trace says a vocabulary of {}, the program {}", *trace->vocab,
                                     model_.hello().vocab));
  if (const auto good = integrity::check_declaration(*trace); !good) return tl::unexpected(good.error());
  if (const auto why = integrity::contradicts_input(*trace, {batch->layout, batch->tokens, batch->valid});
      !why.empty())
    return contradiction(why);
  if (streams && !std::ranges::equal(trace->valid, batch->valid))
    return contradiction(
        "valid does not mark the tokens that the stream asked for; a program that knows no streams says "
        "so in its hello");
  return trace;
}

Expected<Trace> ExternalSubject::observe(const Intervention& run) {
  if (!answers(run.kind, model_.hello().streams))
    return not_recorded(fmt::format("{} runs in another program, which is not asked for runs of kind {}",
                                    info_.name, name(run.kind)));
  if (run.kind == Kind::base && run.id == 0) return *first_;
  auto trace = answer(run);
  if (!trace) return trace;
  if (auto same = check_restart(*trace); !same) return tl::unexpected(same.error());
  const std::string why = run.kind == Kind::base || run.base.value_or(0) != 0
                              ? integrity::contradicts_other_base(*trace, *first_)
                              : integrity::contradicts_base(run, *trace, *first_);
  if (!why.empty()) return input_error(fmt::format("{}: {} ({})", trace->path, why, first_->path));
  if (run.base.value_or(run.id) != 0) return trace;
  if (const auto ignored = integrity::ignores_tokens(*trace, *first_); !ignored.empty())
    return input_error(fmt::format("{}: {} ({})", trace->path, ignored, first_->path));
  if (auto issue = integrity::unchanged_run(run, *trace, *first_)) trace->issues.push_back(std::move(*issue));
  return trace;
}

/// A program that was started again must be the one that it was, or what differs would pass for a dependence.
/// One whose runs differ by themselves cannot be held to bits.
Expected<void> ExternalSubject::check_restart(Trace& trace) {
  const std::lock_guard lock(mutex_);
  const std::size_t restarts = model_.restarts();
  if (changed_) return tl::unexpected(*changed_);
  if (restarts == restarts_) return {};
  restarts_ = restarts;
  trace.issues.push_back({TraceIssue::Kind::oddity,
                          "restarted",
                          fmt::format("{}: the program ended and was started again{}", trace.path,
                                      drifts_ ? "; whether it is the same model cannot be told from its noise"
                                              : ", and answers the first base as before"),
                          {},
                          restarts});
  if (drifts_) return {};
  const auto again = answer({});
  if (!again) return tl::unexpected(again.error());
  if (integrity::same_record(*first_, *again)) return {};
  return input_error(
      fmt::format("{}: ended, and started again answers the first base otherwise than before: another model, "
                  "or weights that are "
                  "drawn anew at every start",
                  info_.name));
}

Expected<Trace> ExternalSubject::outline(const Intervention& run) {
  return inputs_.outline(run, path_of(run));
}

}  // namespace

PlanOptions external_plan(const Layout& layout, const WantedTrials& wanted) {
  // A program may draw and not know it; under held seeds no repeat would tell.
  constexpr bool chance = true;
  PlanOptions options = standard_plan(layout, chance, wanted);
  options.shuffles = 0;
  options.stream_tokens = std::min(options.stream_tokens, most_streams);
  options.reroutes.clear();
  options.repeats = quiet_repeats;
  return options;
}

std::vector<Intervention> external_runs(const PlanOptions& options, const Layout& layout) {
  std::vector<Intervention> repeats, others, out;
  for (Intervention& run : make_plan(options, layout))
    (run.kind == Kind::repeat && run.base == 0 ? repeats : others).push_back(std::move(run));
  for (std::size_t i = 0, next = 0; i < others.size(); ++i) {
    out.push_back(std::move(others[i]));
    while (next < repeats.size() && (next + 1) * others.size() <= (i + 1) * repeats.size())
      out.push_back(std::move(repeats[next++]));
  }
  // Bases keep their place before what changes them; ids are places.
  std::map<std::uint32_t, std::uint32_t> ids;
  for (std::size_t i = 0; i < out.size(); ++i) ids[out[i].id] = static_cast<std::uint32_t>(i);
  for (Intervention& run : out) {
    run.id = ids.at(run.id);
    if (run.base) run.base = ids.at(*run.base);
  }
  return out;
}

Expected<std::unique_ptr<Subject>> make_external(external::ExternalModel& model, DrawTokens draw,
                                                 const ExternalOptions& options) {
  auto subject = std::make_unique<ExternalSubject>(model, std::move(draw), options);
  if (auto opened = subject->open(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Subject>(std::move(subject));
}

}  // namespace pastonly::subjects
