#include "subjects/recorded.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "input/plan/plan.h"
#include "input/plan/unplanned_outputs.h"
#include "input/text/printable.h"
#include "integrity/declaration.h"
#include "integrity/plan_facts.h"
#include "integrity/response.h"
#include "integrity/run_consistency.h"
#include "subjects/file_record.h"
#include "subjects/trace_capabilities.h"

namespace pastonly::subjects {

namespace {

namespace fs = std::filesystem;

/// Without exceptions; what cannot be examined counts as absent and fails when it is opened.
bool there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void describe(const Trace& trace, SubjectInfo& info) {
  info.mode = trace.mode;
  info.stage = trace.stage;
  info.vocab = trace.vocab;
}

/// What both kinds of recorded subject have.
class Recorded : public Subject {
 public:
  const SubjectInfo& info() const noexcept override { return info_; }
  Capabilities capabilities() const noexcept override { return capabilities_; }
  const std::vector<Intervention>& interventions() const noexcept override { return runs_; }
  const std::vector<Intervention>& missing() const noexcept override { return missing_; }

 protected:
  const Intervention* find(std::uint32_t id) const noexcept {
    const auto at = place_.find(id);
    return at == place_.end() ? nullptr : &runs_[at->second];
  }

  SubjectInfo info_;
  Capabilities capabilities_;
  std::vector<Intervention> runs_;
  std::vector<Intervention> missing_;
  std::unordered_map<std::uint32_t, std::size_t> place_;  // id -> index in runs_
};

/// A trace file: one base run.
class RecordedTrace : public Recorded {
 public:
  RecordedTrace(const fs::path& path, Trace trace) : trace_(std::move(trace)) {
    info_.kind = "trace";
    info_.name = path.string();
    info_.files = {record_file(path)};
    describe(trace_, info_);
    capabilities_ = trace_capabilities(trace_);
    runs_.resize(1);
  }
  Expected<Trace> observe(const Intervention& run) override {
    if (run == runs_.front()) return trace_;
    return not_recorded(fmt::format("{} is one recorded run; it holds no {}", info_.name, name(run.kind)));
  }

 private:
  Trace trace_;
};

/// A plan directory: the runs that have an output.
class RecordedPlan : public Recorded {
 public:
  RecordedPlan(fs::path directory, input::TraceOptions options)
      : directory_(std::move(directory)), options_(std::move(options)) {}

  Expected<void> open(const input::Stop& stop);
  Expected<Trace> observe(const Intervention& run) override;

 private:
  struct Base {
    std::mutex mutex;
    std::optional<Expected<Trace>> trace;
  };
  fs::path input_path(std::uint32_t id) const { return directory_ / input::input_name(id); }
  fs::path output_path(std::uint32_t id) const { return directory_ / input::output_name(id); }
  Expected<void> take_model(const input::Plan::Model& model);
  Expected<void> sort_runs(const input::Plan& plan, const input::Stop& stop);
  Expected<void> check_model(const Trace& first);
  Expected<Trace> load(const Intervention& run) const;
  Expected<Trace> base(const Intervention& run);

  fs::path directory_;
  input::TraceOptions options_;
  input::Plan::Model model_;             // what the plan says of it
  std::map<std::uint32_t, Base> bases_;  // keys fixed from the start: lookups need no lock
};

Expected<void> RecordedPlan::take_model(const input::Plan::Model& model) {
  model_ = model;
  if (model.experts && options_.experts && *model.experts != *options_.experts)
    return usage_error(fmt::format("--experts {}: {} says {} ('model.experts')", *options_.experts,
                                   (directory_ / "plan.json").string(), *model.experts));
  options_.stated_experts = model.experts;
  info_.special_tokens = model.special;
  return {};
}

/// The plan's word on the model against the first base; all other runs must agree with that one.
Expected<void> RecordedPlan::check_model(const Trace& first) {
  if (const auto why = integrity::contradicts_plan(model_, first); !why.empty())
    return input_error(fmt::format("{}: {} ({})", (directory_ / "plan.json").string(), why, first.path));
  for (const std::uint32_t layer : model_.layers) {
    if (std::ranges::find(first.layers, LayerIndex{layer}, &LayerRecord::index) == first.layers.end())
      info_.unrecorded_layers.push_back(layer);
  }
  return {};
}

/// Splits the plan into what was recorded and what was not; a run without its base tells nothing.
Expected<void> RecordedPlan::sort_runs(const input::Plan& plan, const input::Stop& stop) {
  const auto recorded = [&](std::uint32_t id) { return there(output_path(id)); };
  for (const auto& run : plan.runs) {
    if (stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
    const bool usable = recorded(run.id) && (!run.base || recorded(*run.base));
    if (recorded(run.id) && !there(input_path(run.id))) {
      return input_error(fmt::format("{}: is missing, though run {} has its output {}",
                                     input_path(run.id).string(), run.id, input::output_name(run.id)));
    }
    (usable ? runs_ : missing_).push_back(run);
    for (const auto& path : {input_path(run.id), output_path(run.id)}) {
      if (there(path)) info_.files.push_back(record_file(path));
    }
    if (usable && run.kind == Intervention::Kind::base) bases_[run.id];
  }
  std::stable_partition(runs_.begin(), runs_.end(), [&](const auto& run) {
    return run.id == (bases_.empty() ? run.id : bases_.begin()->first);
  });
  for (std::size_t i = 0; i < runs_.size(); ++i) place_[runs_[i].id] = i;
  return {};
}

Expected<void> RecordedPlan::open(const input::Stop& stop) {
  const auto plan = input::read_plan(directory_, stop);
  if (!plan) return tl::unexpected(plan.error());
  info_.kind = "plan";
  info_.name = directory_.string();
  info_.files = {record_file(directory_ / "plan.json")};
  for (const input::Plan::Remark& remark : plan->remarks)
    info_.issues.push_back({TraceIssue::Kind::oddity, remark.id, remark.message, {}, 0});
  if (plan->model) {
    if (auto taken = take_model(*plan->model); !taken) return taken;
  }
  if (const auto names = input::unplanned_outputs(directory_, *plan); !names.empty()) {
    info_.issues.push_back({TraceIssue::Kind::oddity,
                            "unplanned-output",
                            input::printable(fmt::format("{}: of no run in plan.json, and not read: {}",
                                                         directory_.string(), fmt::join(names, ", "))),
                            {},
                            names.size()});
  }
  if (auto sorted = sort_runs(*plan, stop); !sorted) return sorted;
  if (runs_.empty()) {
    if (model_.vocab) info_.vocab = *model_.vocab;
    return {};
  }
  const auto first = base(runs_.front());
  if (!first) return tl::unexpected(first.error());
  describe(*first, info_);
  capabilities_ = trace_capabilities(*first);
  return check_model(*first);
}

/// Reads a run's output and holds it against its input.
Expected<Trace> RecordedPlan::load(const Intervention& run) const {
  const auto given = input::read_tokens(input_path(run.id));
  if (!given) return tl::unexpected(given.error());
  auto trace = input::read_trace(output_path(run.id), options_, &*given);
  if (!trace) return trace;
  if (const auto good = integrity::check_declaration(*trace); !good) return tl::unexpected(good.error());
  if (!trace->vocab && model_.vocab) trace->vocab = *model_.vocab;
  if (const auto why = integrity::contradicts_input(*trace, *given); !why.empty()) {
    return input_error(fmt::format("{}: {} ({})", trace->path, why, input_path(run.id).string()));
  }
  return trace;
}

/// The base of a run, or the run itself where it is one; loaded once. All bases must say the same of
/// themselves as the first.
Expected<Trace> RecordedPlan::base(const Intervention& run) {
  const std::uint32_t id = run.base.value_or(run.id), first_id = runs_.front().id;
  std::optional<Expected<Trace>> first;
  if (id != first_id) first = base(runs_.front());
  Base& entry = bases_.at(id);
  const std::lock_guard lock(entry.mutex);
  if (entry.trace) return *entry.trace;
  entry.trace = load(*find(id));
  if (!first || !*first || !*entry.trace) return *entry.trace;
  if (const auto why = integrity::contradicts_other_base(**entry.trace, **first); !why.empty()) {
    entry.trace = input_error(fmt::format("{}: {} ({})", (*entry.trace)->path, why, (*first)->path));
  }
  return *entry.trace;
}

Expected<Trace> RecordedPlan::observe(const Intervention& run) {
  const Intervention* planned = find(run.id);
  if (planned == nullptr || *planned != run) {
    return not_recorded(fmt::format("{} holds no run {} of kind {}", info_.name, run.id, name(run.kind)));
  }
  auto before = base(run);
  if (!before || run.kind == Intervention::Kind::base) return before;
  auto trace = load(run);
  if (!trace) return trace;
  if (const auto why = integrity::contradicts_base(run, *trace, *before); !why.empty()) {
    return input_error(fmt::format("{}: {} ({})", trace->path, why, before->path));
  }
  if (const auto why = integrity::ignores_tokens(*trace, *before); !why.empty()) {
    return input_error(
        fmt::format("{}: {} ({}); record run {} again", trace->path, why, before->path, run.id));
  }
  if (auto issue = integrity::unchanged_run(run, *trace, *before)) trace->issues.push_back(std::move(*issue));
  return trace;
}

}  // namespace

Expected<std::unique_ptr<Subject>> open_recorded(const fs::path& path, const input::TraceOptions& options,
                                                 const input::Stop& stop) {
  std::error_code unreadable;
  if (fs::is_directory(path, unreadable)) {
    auto plan = std::make_unique<RecordedPlan>(path, options);
    if (auto opened = plan->open(stop); !opened) return tl::unexpected(opened.error());
    return std::unique_ptr<Subject>(std::move(plan));
  }
  auto trace = input::read_trace(path, options);
  if (!trace) return tl::unexpected(trace.error());
  if (const auto good = integrity::check_declaration(*trace); !good) return tl::unexpected(good.error());
  return std::unique_ptr<Subject>(std::make_unique<RecordedTrace>(path, std::move(*trace)));
}

}  // namespace pastonly::subjects
