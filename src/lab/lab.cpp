#include "lab/lab.h"

#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>

#include "input/files/directory_lock.h"
#include "lab/arm_report.h"
#include "lab/store.h"

namespace pastonly::lab {
namespace {

/// How far the arms are together. Training counts by steps times width of the network's work, evaluation as
/// a fixed share of an arm.
class Meter {
 public:
  Meter(std::size_t arms, const LabOptions& options) : options_(options), done_(arms, 0.0) {}

  /// An arm that was stored in part does not count as speed of this run.
  void start_at(std::size_t arm, double share) { set(arm, share, true, ""); }
  void report(std::size_t arm, double share, std::string_view what) { set(arm, share, false, what); }

 private:
  void set(std::size_t arm, double share, bool stored, std::string_view what) {
    const std::lock_guard lock(mutex_);
    if (stored) stored_ += share - done_[arm];
    done_[arm] = share;
    double all = 0.0;
    for (const double done : done_) all += done;
    // Of what this run has to do: what is stored took another's time.
    const double to_do = std::max(1e-9, static_cast<double>(done_.size()) - stored_);
    const double fraction = (all - stored_) / to_do;
    if (!what.empty()) options_.watch.progress(fraction, what);
  }

  const LabOptions& options_;
  std::mutex mutex_;
  std::vector<double> done_;  // (arms) share of each that is done
  double stored_ = 0.0;
};

constexpr double training_share = 0.9;

/// Trains and evaluates one arm, or takes what is stored of it.
class ArmJob {
 public:
  ArmJob(const Experiment& experiment, std::size_t index, const Corpus& corpus, const LabOptions& options,
         Meter& meter)
      : experiment_(experiment),
        arm_(experiment.arms[index]),
        index_(index),
        corpus_(corpus),
        options_(options),
        meter_(meter),
        store_(options.directory, arm_key(experiment, arm_)) {}

  Expected<Report::Experiment::Arm> run() {
    if (auto made = store_.prepare(); !made) return tl::unexpected(made.error());
    if (auto entry = stored()) {
      meter_.start_at(index_, 1.0);
      return *std::move(entry);
    }
    if (auto done = trained(); !done) return tl::unexpected(named(done.error()));
    meter_.report(index_, training_share, fmt::format("{}: evaluation", arm_.name));
    const auto result = evaluate(experiment_, arm_, corpus_, store_, options_.watch.stop);
    if (!result) return tl::unexpected(named(result.error()));
    if (auto written = store_.write_result(to_json(*result)); !written)
      return tl::unexpected(written.error());
    meter_.report(index_, 1.0, fmt::format("{}: done", arm_.name));
    // As read back, so that a stored result and a fresh one are the same.
    if (auto entry = stored()) return *std::move(entry);
    return input_error(fmt::format("arm '{}': its result cannot be read back", arm_.name));
  }

  const std::string& name() const noexcept { return arm_.name; }

 private:
  Error named(Error error) const {
    if (error.kind != Error::Kind::interrupted)
      error.message = fmt::format("arm '{}': {}", arm_.name, error.message);
    return error;
  }

  std::optional<Report::Experiment::Arm> stored() const {
    const auto json = store_.read_result();
    const auto record = store_.read_training();
    std::error_code missing;
    if (!json || !record || record->losses.size() != arm_.training.steps ||
        !std::filesystem::exists(store_.state(), missing)) {
      return std::nullopt;
    }
    const auto result = evaluation_of(*json);
    return result ? std::optional(arm_entry(arm_, experiment_.batch, *result, *record)) : std::nullopt;
  }

  Expected<void> trained() {
    bool first = true;
    TrainWatch watch;
    watch.stop = options_.watch.stop;
    watch.progress = [&](std::size_t step, double bits) {
      const double share =
          training_share * static_cast<double>(step) / static_cast<double>(arm_.training.steps);
      if (std::exchange(first, false)) meter_.start_at(index_, share);
      meter_.report(index_, share,
                    fmt::format("{}: step {}/{}, {:.3f} bits", arm_.name, step, arm_.training.steps, bits));
    };
    const auto trained = train(experiment_, arm_, corpus_, store_, watch);
    if (!trained) return tl::unexpected(trained.error());
    return {};
  }

  const Experiment& experiment_;
  const Arm& arm_;
  std::size_t index_;
  const Corpus& corpus_;
  const LabOptions& options_;
  Meter& meter_;
  ArmStore store_;
};

/// A job's result; nothing may leave a thread.
Expected<Report::Experiment::Arm> run_safely(ArmJob& job) {
  try {
    return job.run();
  } catch (const std::bad_alloc&) {
    return input_error(fmt::format("arm '{}': not enough memory", job.name()));
  } catch (const std::exception& error) {
    return input_error(fmt::format("arm '{}': {}", job.name(), error.what()));
  }
}

/// As many workers as there are threads and arms, or as the system grants; each takes the next arm and its
/// share of the threads.
void run_all(std::vector<ArmJob>& jobs,
             std::vector<std::optional<Expected<Report::Experiment::Arm>>>& results, unsigned threads,
             std::atomic<bool>& failed) {
  const unsigned workers = std::clamp<unsigned>(threads, 1, static_cast<unsigned>(jobs.size()));
  std::atomic<std::size_t> next = 0;
  const auto work = [&](unsigned worker) {
    tbb::task_arena arena(static_cast<int>(threads / workers + (worker < threads % workers ? 1 : 0)));
    while (!failed) {
      const std::size_t job = next++;
      if (job >= jobs.size()) return;
      arena.execute([&] { results[job] = run_safely(jobs[job]); });
      if (!*results[job]) failed = true;
    }
  };
  std::vector<std::jthread> crew;
  try {
    for (unsigned worker = 1; worker < workers; ++worker) crew.emplace_back(work, worker);
  } catch (const std::system_error&) {  // those that are there do the work of the others
  }
  work(0);
}

/// What went wrong, before what was only interrupted by it. Without a failure every arm has its result.
const Error* worst_of(const std::vector<std::optional<Expected<Report::Experiment::Arm>>>& results) {
  const Error* worst = nullptr;
  for (const auto& result : results) {
    if (!result || *result) continue;
    if (worst == nullptr || worst->kind == Error::Kind::interrupted) worst = &result->error();
  }
  return worst;
}

Report::Experiment heading(const Experiment& experiment, const Corpus& corpus) {
  Report::Experiment out;
  out.name = experiment.name;
  const Tokens& tokens = experiment.tokens;
  out.source.kind = tokens.source ? tokens.source->kind : tokens.format;
  out.source.vocab = tokens.vocab;
  out.source.name = tokens.source ? name(*tokens.source) : tokens.file;
  if (corpus.source() != nullptr)
    out.source.floor_bits = corpus.source()->entropy_bits(experiment.batch.positions);
  return out;
}

}  // namespace

Expected<Report::Experiment> run(const Experiment& experiment, const LabOptions& options) {
  const auto corpus = Corpus::open(experiment.tokens, experiment.batch.positions);
  if (!corpus) return tl::unexpected(corpus.error());
  const auto lock = input::DirectoryLock::take(options.directory);
  if (!lock) return tl::unexpected(lock.error());
  // An arm that fails stops the others, which keep what they have.
  std::atomic<bool> failed = false;
  LabOptions shared = options;
  shared.watch.stop = [&] { return failed || options.watch.stop(); };
  Meter meter(experiment.arms.size(), shared);
  std::vector<ArmJob> jobs;
  for (std::size_t i = 0; i < experiment.arms.size(); ++i)
    jobs.emplace_back(experiment, i, *corpus, shared, meter);
  std::vector<std::optional<Expected<Report::Experiment::Arm>>> results(jobs.size());
  run_all(jobs, results, options.threads, failed);
  Report::Experiment out = heading(experiment, *corpus);
  if (const Error* error = worst_of(results)) return tl::unexpected(*error);
  for (auto& result : results) out.arms.push_back(**std::move(result));
  return out;
}

Expected<std::unique_ptr<ArmModel>> open_arm(const Experiment& experiment, const Arm& arm,
                                             const std::filesystem::path& directory) {
  auto model = model::Model::load(ArmStore(directory, arm_key(experiment, arm)).state());
  if (!model) return tl::unexpected(model.error());
  return std::make_unique<ArmModel>(*std::move(model), arm);
}

}  // namespace pastonly::lab
