#include "evidence/observations.h"

#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "evidence/prefer_declared_rule.h"
#include "stats/parallel.h"

namespace pastonly::evidence {

namespace {

/// A plan that nobody has recorded yet has one, without an output.
tl::unexpected<Error> no_base(const Subject& subject) {
  const auto& missing = subject.missing();
  const auto base = std::ranges::find(missing, Intervention::Kind::base, &Intervention::kind);
  if (base == missing.end()) return not_recorded("the subject holds no base run");
  return not_recorded(fmt::format(
      "{}: run {} (base) has no output yet; record the plan, for example: python -m pastonly.worker {} "
      "--model my_module:build",
      subject.info().name, base->id, subject.info().name));
}

}  // namespace

struct Observations::State {
  /// A result made once. Waiting threads must not pick up other work inside `make`: it could come
  /// back to this very lock.
  template <class T>
  struct Once {
    std::mutex mutex;
    std::optional<Expected<T>> value;

    template <class Make>
    const Expected<T>& get(Make&& make) {
      const std::lock_guard lock(mutex);
      if (!value) tbb::this_task_arena::isolate([&] { value.emplace(make()); });
      return *value;
    }
  };

  State(Subject& its_subject, Watch its_watch)
      : subject(its_subject), watch(std::move(its_watch)), meter(watch) {
    for (const auto& run : subject.interventions()) traces[run.id];
  }

  /// A run of the subject, unless the user has asked to stop. A live one takes its time: says how many it
  /// did.
  Expected<Trace> observe(const Intervention& run,
                          Expected<Trace> (Subject::*asked)(const Intervention&) = &Subject::observe) {
    if (watch.stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
    auto trace = (subject.*asked)(run);
    if (!subject.capabilities().live) return trace;
    if (traces.contains(run.id)) {
      meter.did_of_plan(1.0, fmt::format("run {} of {} of the plan", ++runs_planned, traces.size()));
    } else {
      meter.did(1.0, fmt::format("run {} beyond the plan", ++runs_beyond));
    }
    return trace;
  }

  Subject& subject;
  Watch watch;
  WorkMeter meter;
  std::atomic<std::size_t> runs_planned{0}, runs_beyond{0};
  std::map<std::uint32_t, Once<Trace>> traces;  // keys fixed from the start: lookups need no lock
  /// Subject::losses, kept.
  Expected<Trace> losses(const Intervention& run) {
    Once<Trace>* entry = nullptr;
    {
      const std::lock_guard lock(fresh_mutex);
      entry = &fresh[{run.id, run.seed, run.rule}];
    }
    return entry->get([&] { return observe(run, &Subject::losses); });
  }

  std::mutex fresh_mutex;
  std::map<std::tuple<std::uint32_t, std::uint64_t, std::string>, Once<Trace>>
      fresh;  // entries stay in place
  Once<Survey> surveyed;
  Once<std::vector<routing::LoadSurvey>> loads;  // where there is no survey
};

Observations::Observations(Subject& subject, Watch watch)
    : state_(std::make_unique<State>(subject, std::move(watch))) {}
Observations::~Observations() = default;

Subject& Observations::subject() const noexcept { return state_->subject; }

const Watch& Observations::watch() const noexcept { return state_->watch; }

WorkMeter& Observations::meter() noexcept { return state_->meter; }

const std::vector<Intervention>& Observations::runs() const noexcept {
  return state_->subject.interventions();
}

std::vector<const Intervention*> Observations::runs(Intervention::Kind kind) const {
  std::vector<const Intervention*> found;
  for (const auto& run : runs()) {
    if (run.kind == kind) found.push_back(&run);
  }
  return found;
}

Expected<Trace> Observations::base() {
  const auto bases = runs(Intervention::Kind::base);
  if (bases.empty()) return no_base(state_->subject);
  return trace(*bases.front());
}

Expected<Trace> Observations::trace(const Intervention& run) {
  const auto found = state_->traces.find(run.id);
  if (found == state_->traces.end()) return state_->observe(run);  // live: nobody planned it
  return found->second.get([&] { return state_->observe(run); });
}

Expected<Trace> Observations::base_of(const Intervention& run) {
  if (!run.base) return trace(run);
  for (const auto& other : runs()) {
    if (other.id == *run.base) return trace(other);
  }
  return not_recorded("run " + std::to_string(run.id) + " changes run " + std::to_string(*run.base) +
                      ", which the subject does not hold");
}

Intervention Observations::fresh_run(std::size_t i) {
  constexpr std::uint32_t beyond_plans = 0x8000'0000u;
  Intervention run;
  run.id = beyond_plans + static_cast<std::uint32_t>(i);
  return run;
}

Expected<std::size_t> Observations::fresh_runs_allowed(double share) {
  const Capabilities can = state_->subject.capabilities();
  if (!can.live || !can.fresh) return std::size_t{0};
  const auto first = base();
  if (!first) return tl::unexpected(first.error());
  const double tokens = static_cast<double>(std::max<std::size_t>(1, first->layout.tokens()));
  return static_cast<std::size_t>(share * static_cast<double>(can.budget) / tokens);
}

Expected<std::size_t> Observations::fresh_batches(double share) {
  const auto runs = fresh_runs_allowed(share);
  return runs ? Expected<std::size_t>(std::min(*runs, most_fresh)) : runs;
}

Expected<Trace> Observations::fresh_losses(std::size_t i) { return state_->losses(fresh_run(i)); }

Expected<Trace> Observations::fresh_losses(std::size_t i, Intervention run) {
  run.base = fresh_run(i).id;
  // Ids of their own: chance is drawn by id.
  run.id =
      *run.base + (1U << 30) + static_cast<std::uint32_t>(most_fresh) * static_cast<std::uint32_t>(run.kind);
  return state_->losses(run);
}

Expected<Survey> Observations::make_survey() {
  std::optional<std::size_t> base;
  std::vector<RecordedRun> recorded;
  for (const auto& run : runs()) {
    if (!is_judged(run.kind)) continue;
    auto observed = trace(run);
    if (!observed) return tl::unexpected(observed.error());
    if (!base && run.kind == Intervention::Kind::base) base = recorded.size();
    recorded.push_back({run, std::move(*observed)});
  }
  if (!base) return no_base(state_->subject);
  const bool live = state_->subject.capabilities().live;
  std::atomic<std::size_t> read{0};
  const auto told = [&](std::size_t runs) {
    // Of a live subject the runs themselves are the work.
    if (!live)
      meter().did_of_plan(static_cast<double>(runs),
                          fmt::format("layer {} of {}", ++read, recorded[*base].trace.layers.size()));
  };
  auto found = survey(recorded, *base, watch().stop, told);
  if (watch().stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
  const auto& known = state_->subject.info().rules;
  for (std::size_t l = 0; l < std::min(known.size(), found.identifications.size()); ++l)
    prefer_declared_rule(found.identifications[l], known[l]);
  return found;
}

const Expected<Survey>& Observations::surveyed() {
  return state_->surveyed.get([&] { return make_survey(); });
}

Expected<std::vector<routing::Identification>> Observations::identifications() {
  const auto& found = surveyed();
  if (!found) return tl::unexpected(found.error());
  return found->identifications;
}

Expected<std::vector<std::optional<DeclaredRule>>> Observations::declared_rules() {
  const auto& found = surveyed();
  if (!found) return tl::unexpected(found.error());
  if (!state_->subject.info().rules.empty())
    return std::vector<std::optional<DeclaredRule>>(found->identifications.size());
  return found->declared;
}

Expected<std::vector<LayerFacts::Rule>> Observations::rules() {
  const auto& found = surveyed();
  if (!found) return tl::unexpected(found.error());
  std::vector<LayerFacts::Rule> rules;
  rules.reserve(found->identifications.size());
  for (const auto& layer : found->identifications) rules.push_back(layer.rule);
  return rules;
}

Expected<std::vector<routing::LoadSurvey>> Observations::loads() {
  if (const auto& found = surveyed()) return found->loads;
  // Some run is missing, perhaps not the base.
  return state_->loads.get([&]() -> Expected<std::vector<routing::LoadSurvey>> {
    const auto trace = base();
    if (!trace) return tl::unexpected(trace.error());
    std::vector<routing::LoadSurvey> surveys(trace->layers.size());
    stats::parallel_for(surveys.size(),
                        [&](std::size_t i) { surveys[i] = routing::survey_load(*trace, trace->layers[i]); });
    return surveys;
  });
}

Expected<std::vector<std::vector<integrity::Scan>>> Observations::scans() {
  std::vector<std::vector<integrity::Scan>> scans;
  const auto& found = surveyed();
  std::size_t judged = 0;
  for (const auto& run : runs()) {
    if (found && is_judged(run.kind)) {
      scans.push_back(found->scans[judged++]);
      continue;
    }
    const auto observed = trace(run);
    if (!observed) return tl::unexpected(observed.error());
    std::vector<integrity::Scan>& its = scans.emplace_back(observed->layers.size());
    stats::parallel_for(its.size(), [&](std::size_t l) {
      if (!watch().stop()) its[l] = integrity::scan_layer(*observed, observed->layers[l]);
    });
  }
  return scans;
}

}  // namespace pastonly::evidence
