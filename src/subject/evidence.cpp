#include "subject/evidence.h"

#include <tbb/task_arena.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "stats/parallel.h"

namespace pastonly {

namespace {

// More batches than this settle nothing that these did not.
constexpr double kMostFresh = 64.0;

}  // namespace

struct Evidence::State {
  /// A result made once. Waiting threads must not pick up other work inside `make`: it could come
  /// back to this very lock.
  template <class T>
  struct Once {
    std::mutex mutex;
    std::optional<Expected<T>> value;

    template <class Make>
    Expected<T> get(Make&& make) {
      const std::lock_guard lock(mutex);
      if (!value) tbb::this_task_arena::isolate([&] { value.emplace(make()); });
      return *value;
    }
  };

  State(Subject& its_subject, Watch its_watch) : subject(its_subject), watch(std::move(its_watch)) {
    for (const auto& run : subject.interventions()) traces[run.id];
  }

  Subject& subject;
  Watch watch;
  std::map<std::uint32_t, Once<Trace>> traces;  // keys fixed from the start: lookups need no lock
  /// A trace without its layers, kept.
  Expected<Trace> losses(const Intervention& run) {
    Once<Trace>* entry = nullptr;
    {
      const std::lock_guard lock(fresh_mutex);
      entry = &fresh[{run.id, run.seed, run.rule}];
    }
    return entry->get([&]() -> Expected<Trace> {
      auto trace = subject.observe(run);
      if (!trace) return trace;
      trace->layers.clear();
      trace->storage.reset();  // only the layers point into it
      return trace;
    });
  }

  std::mutex fresh_mutex;
  std::map<std::tuple<std::uint32_t, std::uint64_t, std::string>, Once<Trace>>
      fresh;  // entries stay in place
  Once<std::vector<routing::Identification>> identified;
  Once<std::vector<routing::LoadSurvey>> surveyed;
};

Evidence::Evidence(Subject& subject, Watch watch)
    : state_(std::make_unique<State>(subject, std::move(watch))) {}
Evidence::~Evidence() = default;

Subject& Evidence::subject() const noexcept { return state_->subject; }

const Watch& Evidence::watch() const noexcept { return state_->watch; }

const std::vector<Intervention>& Evidence::runs() const noexcept { return state_->subject.interventions(); }

std::vector<const Intervention*> Evidence::runs(Intervention::Kind kind) const {
  std::vector<const Intervention*> found;
  for (const auto& run : runs()) {
    if (run.kind == kind) found.push_back(&run);
  }
  return found;
}

Expected<Trace> Evidence::base() {
  const auto bases = runs(Intervention::Kind::base);
  if (bases.empty()) return not_recorded("the subject holds no base run");
  return trace(*bases.front());
}

Expected<Trace> Evidence::trace(const Intervention& run) {
  const auto found = state_->traces.find(run.id);
  if (found == state_->traces.end()) return state_->subject.observe(run);  // live: nobody planned it
  return found->second.get([&] { return state_->subject.observe(run); });
}

Expected<Trace> Evidence::base_of(const Intervention& run) {
  if (!run.base) return trace(run);
  for (const auto& other : runs()) {
    if (other.id == *run.base) return trace(other);
  }
  return not_recorded("run " + std::to_string(run.id) + " changes run " + std::to_string(*run.base) +
                      ", which the subject does not hold");
}

Intervention Evidence::fresh_run(std::size_t i) {
  constexpr std::uint32_t beyond_plans = 0x8000'0000u;
  Intervention run;
  run.id = beyond_plans + static_cast<std::uint32_t>(i);
  return run;
}

Expected<std::size_t> Evidence::fresh_batches(double share) {
  const Capabilities can = state_->subject.capabilities();
  if (!can.live || !can.fresh) return std::size_t{0};
  const auto first = base();
  if (!first) return tl::unexpected(first.error());
  const double tokens = static_cast<double>(std::max<std::size_t>(1, first->layout.tokens()));
  return static_cast<std::size_t>(std::min(share * static_cast<double>(can.budget) / tokens, kMostFresh));
}

Expected<Trace> Evidence::fresh_losses(std::size_t i) { return state_->losses(fresh_run(i)); }

Expected<Trace> Evidence::fresh_losses(std::size_t i, Intervention run) {
  run.base = fresh_run(i).id;
  // Ids of their own: chance is drawn by id.
  run.id =
      *run.base + (1U << 30) + static_cast<std::uint32_t>(kMostFresh) * static_cast<std::uint32_t>(run.kind);
  return state_->losses(run);
}

namespace {

bool is_judged(Intervention::Kind kind) {
  // A shuffle permutes the rule's tokens in an order only its producer knows; a reroute is another rule; a
  // stream is many batches.
  using Kind = Intervention::Kind;
  return kind != Kind::shuffle && kind != Kind::reroute && kind != Kind::stream;
}

const LayerRecord* find_layer(const Trace& trace, LayerIndex index) {
  for (const auto& layer : trace.layers) {
    if (layer.index == index) return &layer;
  }
  return nullptr;
}

routing::Identification identify_layer(const std::vector<std::pair<std::uint32_t, Trace>>& traces,
                                       LayerIndex index) {
  std::vector<routing::LayerRun> runs;
  for (const auto& [id, trace] : traces) {
    const auto* layer = find_layer(trace, index);
    if (layer == nullptr) continue;
    runs.push_back({id, trace.layout, trace.order_known, layer, trace.tokens, trace.valid});
  }
  return routing::identify(runs);
}

}  // namespace

Expected<std::vector<routing::Identification>> Evidence::identifications() {
  return state_->identified.get([&]() -> Expected<std::vector<routing::Identification>> {
    auto first = base();
    if (!first) return tl::unexpected(first.error());
    std::vector<std::pair<std::uint32_t, Trace>> traces;
    for (const auto& run : runs()) {
      if (!is_judged(run.kind)) continue;
      auto observed = trace(run);
      if (!observed) return tl::unexpected(observed.error());
      traces.emplace_back(run.id, std::move(*observed));
    }
    std::vector<routing::Identification> found(first->layers.size());
    stats::parallel_for(found.size(), [&](std::size_t i) {
      if (watch().stop()) return;
      found[i] = identify_layer(traces, first->layers[i].index);
    });
    if (watch().stop()) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
    return found;
  });
}

Expected<std::vector<LayerFacts::Rule>> Evidence::rules() {
  return identifications().map([](const std::vector<routing::Identification>& found) {
    std::vector<LayerFacts::Rule> rules;
    rules.reserve(found.size());
    for (const auto& layer : found) rules.push_back(layer.rule);
    return rules;
  });
}

Expected<std::vector<routing::LoadSurvey>> Evidence::loads() {
  return state_->surveyed.get([&]() -> Expected<std::vector<routing::LoadSurvey>> {
    const auto trace = base();
    if (!trace) return tl::unexpected(trace.error());
    std::vector<routing::LoadSurvey> surveys(trace->layers.size());
    stats::parallel_for(surveys.size(),
                        [&](std::size_t i) { surveys[i] = routing::survey_load(*trace, trace->layers[i]); });
    return surveys;
  });
}

}  // namespace pastonly
