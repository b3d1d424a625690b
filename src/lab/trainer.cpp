#include "lab/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "lab/probe.h"
#include "lab/rules.h"
#include "stats/random.h"

namespace pastonly::lab {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto save_every = std::chrono::seconds(5);

// Streams of the arm's seed, far from the model's own.
constexpr std::uint64_t token_stream = 0x4C41'4200'0000'0000ULL;

std::uint64_t tokens_seed(const Arm& arm, std::size_t step) {
  return stats::CounterRng(arm.seed, token_stream + step).bits64();
}

/// The stored state with the record of its steps, or a fresh model.
Expected<Trained> begin(const Arm& arm, const ArmStore& store) {
  std::error_code missing;
  if (std::filesystem::exists(store.state(), missing)) {
    auto record = store.read_training();
    auto stored = model::Model::load(store.state());
    if (stored && record && stored->steps_done() <= record->losses.size() &&
        stored->steps_done() <= arm.training.steps) {
      record->cut(stored->steps_done());
      return Trained{std::make_unique<ArmModel>(*std::move(stored), arm), *std::move(record)};
    }
  }
  auto fresh = model::Model::create(arm.model, arm.training, arm.seed);
  if (!fresh) return tl::unexpected(fresh.error());
  return Trained{std::make_unique<ArmModel>(*std::move(fresh), arm), {}};
}

Expected<void> save(Trained& trained, const ArmStore& store) {
  if (auto written = store.write_training(trained.record); !written) return written;
  trained.arm->unwrap();
  auto written = trained.arm->model().save(store.state());
  trained.arm->wrap();
  return written;
}

/// What is measured between steps, at moments that hang on the number of steps alone.
class Observer {
 public:
  Observer(const Arm& arm, Probe probe)
      : stride_(curve_stride(arm.training.steps)),
        probe_steps_(probe_steps(arm.training.steps)),
        probe_(std::move(probe)) {}

  /// Adds what is due after so many steps and not there yet.
  Expected<void> look(Trained& trained, std::size_t last) {
    ArmModel& arm = *trained.arm;
    TrainingRecord& record = trained.record;
    const std::size_t step = arm.model().steps_done();
    const bool seen = !record.routers.empty() && record.routers.back().step >= step;
    if (!seen && (step % stride_ == 0 || step == last)) {
      if (const auto measures = model::measure_routers(arm.model().network()))
        record.routers.push_back({step, *measures});
    }
    const bool probed = !record.probes.empty() && record.probes.back().step >= step;
    if (probed || !std::ranges::binary_search(probe_steps_, step)) return {};
    arm.unwrap();
    auto routes = probe_.routes(arm.model());
    arm.wrap();
    if (!routes) return tl::unexpected(routes.error());
    if (!routes->layers.empty()) record.probes.push_back(*std::move(routes));
    return {};
  }

 private:
  std::size_t stride_;
  std::vector<std::uint64_t> probe_steps_;
  Probe probe_;
};

}  // namespace

ArmModel::ArmModel(model::Model model, const Arm& arm)
    : model_(std::move(model)), shuffle_(arm.shuffle), drop_rate_(arm.drop_rate), inner_(arm.model.layers) {
  wrap();
}

void ArmModel::wrap(const MakeRule& make) {
  auto& routers = model_.network().routers();
  for (std::size_t l = 0; l < routers.size(); ++l) {
    if (routers[l].rule == nullptr) continue;
    auto outer = make(*routers[l].rule);
    inner_[l].push_back(std::exchange(routers[l].rule, std::move(outer)));
  }
}

void ArmModel::wrap() {
  unwrap();
  if (shuffle_) wrap([](RoutingRule& own) { return shuffled(own); });
  if (drop_rate_ > 0.0) wrap([this](RoutingRule& own) { return dropping(own, drop_rate_); });
}

void ArmModel::unwrap() {
  auto& routers = model_.network().routers();
  for (std::size_t l = 0; l < routers.size(); ++l) {
    while (!inner_[l].empty()) {
      routers[l].rule = std::move(inner_[l].back());
      inner_[l].pop_back();
    }
  }
}

Expected<Trained> train(const Experiment& experiment, const Arm& arm, const Corpus& corpus,
                        const ArmStore& store, const TrainWatch& watch) {
  auto trained = begin(arm, store);
  if (!trained) return trained;
  model::Model& model = trained->arm->model();
  auto probe = Probe::make(experiment, arm, corpus);
  if (!probe) return tl::unexpected(probe.error());
  Observer observer(arm, *std::move(probe));
  if (auto looked = observer.look(*trained, arm.training.steps); !looked)
    return tl::unexpected(looked.error());
  std::vector<std::int64_t> tokens;  // (sequences, positions)
  auto saved = Clock::now();
  while (model.steps_done() < arm.training.steps) {
    if (watch.stop()) {
      if (auto written = save(*trained, store); !written) return tl::unexpected(written.error());
      return tl::unexpected(Error{Error::Kind::interrupted, "interrupted; run again to continue"});
    }
    const auto seed = tokens_seed(arm, model.steps_done());
    if (auto drawn = corpus.draw(Corpus::Part::training, seed, experiment.batch, tokens); !drawn)
      return tl::unexpected(drawn.error());
    const auto step = model.step({experiment.batch, tokens, {}});
    if (!step) return tl::unexpected(step.error());
    if (!std::isfinite(step->bits())) {
      return input_error(
          fmt::format("the loss is not finite at step {}: lower training.learning_rate", model.steps_done()));
    }
    trained->record.losses.push_back(step->bits());
    if (auto looked = observer.look(*trained, arm.training.steps); !looked)
      return tl::unexpected(looked.error());
    watch.progress(model.steps_done(), step->bits());
    if (Clock::now() - saved < save_every && model.steps_done() < arm.training.steps) continue;
    if (auto written = save(*trained, store); !written) return tl::unexpected(written.error());
    saved = Clock::now();
  }
  return trained;
}

}  // namespace pastonly::lab
