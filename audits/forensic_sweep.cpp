#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "checks.h"
#include "pastonly/policy.h"
#include "stats/location_test.h"
#include "stats/mean_interval.h"
#include "subject/evidence.h"
#include "subject/rule_trial.h"

namespace pastonly {
namespace {

constexpr double kForensicShare = 0.5;      // of a live subject's budget
constexpr std::size_t kMostScreened = 8;    // batches per candidate
constexpr std::size_t kMostConfirmed = 64;  // batches
constexpr std::size_t kFewestConfirmed = 4;

/// A rule that a model may have been trained under, and the same with its chunks filled at random.
struct Suspect {
  Routed in_order;
  Routed control;
};

Suspect expert_choice(std::int64_t k, std::size_t chunk) {
  const std::string parameters = chunk == 0 ? fmt::format("k={}", k) : fmt::format("k={},chunk={}", k, chunk);
  return {{Routed::By::rule, "expert-choice," + parameters},
          {Routed::By::rule, "expert-choice(shuffled)," + parameters}};
}

/// Whether every layer's rule is known to be causal.
Expected<bool> own_is_causal(Evidence& evidence) {
  const auto rules = evidence.rules();
  if (!rules) return tl::unexpected(rules.error());
  return std::ranges::all_of(*rules, [](const auto& rule) { return rule.causal == std::optional(true); });
}

std::int64_t experts_per_token(const Trace& base) {
  const LayerRecord& layer = base.layers.front();
  const Mask mask = read_mask(layer);
  const auto bits = mask.view();
  const auto kept = static_cast<double>(std::count(bits.data(), bits.data() + bits.size(), 1));
  return std::max<std::int64_t>(1, std::llround(kept / static_cast<double>(mask.tokens())));
}

/// Powers of two in which every expert gets a token, up to the batch; the batch itself last.
std::vector<std::size_t> chunks(const Trace& base, std::int64_t k) {
  std::vector<std::size_t> out;
  const std::size_t experts = base.layers.front().experts, tokens = base.layout.tokens();
  for (std::size_t chunk = 2; chunk < tokens; chunk *= 2) {
    if (chunk * static_cast<std::size_t>(k) >= experts && tokens % chunk == 0) out.push_back(chunk);
  }
  out.push_back(0);
  return out;
}

Measurement figure(std::string name, double value, std::uint64_t samples) {
  return {std::move(name), value, {}, {}, "bits per token", samples, {}};
}

/// A mean over units with Student's interval.
Measurement spread(std::string name, const std::vector<double>& values, double alpha) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  Measurement out = figure(std::move(name), mean, values.size());
  if (const auto interval = stats::mean_interval(values, alpha)) {
    out.lower = interval->lower;
    out.upper = interval->upper;
  }
  return out;
}

std::string in_words(const Measurement& drop) {
  if (!drop.lower || !drop.upper) return fmt::format("{:.3f}", drop.value);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", drop.value, *drop.lower, *drop.upper);
}

/// The loss under a suspect against a causal rule and against the suspect's own control, on the same tokens.
void hold(const Pass& pass, const std::string& suspect, const std::string& causal,
          const std::vector<double>& below_causal, const std::vector<double>& below_control, double loss,
          Ran& out) {
  if (below_causal.size() < 2 || below_control.size() < 2) return;
  const double alpha = pass.policy.alpha;
  const Measurement drop = spread("drop_below_causal", below_causal, alpha);
  const Measurement reliance = spread("drop_below_shuffled", below_control, alpha);
  out.measurements.push_back(drop);
  out.measurements.push_back(reliance);
  Claim claim;
  claim.id = "anomalous-loss";
  claim.basis = Claim::Basis::statistical;
  // Both must hold: the larger p-value is valid for their union (Berger 1982).
  claim.p_value = std::max(stats::mean_exceeds_zero(below_causal), stats::mean_exceeds_zero(below_control));
  claim.amount = drop.value < reliance.value ? drop : reliance;
  claim.message = fmt::format(
      "routed by {} the model loses {:.3f} bits per token: {} less than by {}, and {} less than by the same "
      "rule on tokens in random order. It reads what that rule tells of the future",
      suspect, loss, in_words(drop), causal, in_words(reliance));
  claim.help = fmt::format(
      "The model was trained under this rule or one like it. Audit it with --rule {} for the interventions, "
      "and train it again under a rule of tokens' own scores.",
      suspect);
  out.claims.push_back(std::move(claim));
}

/// What is asked of a live subject: which suspect loses least on some batches, and whether that holds on
/// others.
class LiveSweep {
 public:
  LiveSweep(const Pass& pass, const Trace& base, bool causal) : pass_(pass), causal_(causal) {
    const std::int64_t k = experts_per_token(base);
    for (const std::size_t chunk : chunks(base, k)) suspects_.push_back(expert_choice(k, chunk));
    if (!causal) {
      suspects_.push_back({{Routed::By::own, ""}, {Routed::By::own_shuffled, ""}});
      reference_ = {Routed::By::rule, fmt::format("top-k,k={}", k)};
    }
  }

  Outcome run() {
    const auto runs = pass_.evidence.fresh_batches(kForensicShare);
    if (!runs) return runs.error();
    screened_ = std::min(kMostScreened, *runs / 2 / suspects_.size());
    confirmed_ = std::min(kMostConfirmed, *runs / 2 / 3);
    if (screened_ == 0 || confirmed_ < kFewestConfirmed)
      return Skipped{fmt::format("the budget allows {} runs, the sweep needs {} (--budget)", *runs,
                                 std::max(2 * suspects_.size(), 6 * kFewestConfirmed))};
    Ran out;
    const auto best = screen(out);
    if (!best) return best.error();
    if (auto done = confirm(suspects_[*best], out); !done) return done.error();
    return out;
  }

 private:
  Expected<std::size_t> screen(Ran& out) {
    std::size_t best = 0;
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < suspects_.size(); ++i) {
      const auto traces = fresh_runs(pass_.evidence, suspects_[i].in_order, 0, screened_);
      if (!traces) return tl::unexpected(traces.error());
      const double loss = mean_loss(*traces);
      if (!std::isfinite(loss)) continue;
      out.measurements.push_back(
          figure(fmt::format("loss[{}]", suspects_[i].in_order.name("own rule")), loss, screened_));
      if (loss < lowest) best = i;
      lowest = std::min(lowest, loss);
    }
    return best;
  }

  Expected<void> confirm(const Suspect& suspect, Ran& out) {
    const auto in_order = fresh_runs(pass_.evidence, suspect.in_order, screened_, confirmed_);
    const auto control = fresh_runs(pass_.evidence, suspect.control, screened_, confirmed_);
    const auto causal = fresh_runs(pass_.evidence, reference_, screened_, confirmed_);
    for (const auto* found : {&in_order, &control, &causal}) {
      if (!*found) return tl::unexpected(found->error());
    }
    const std::string name = reference_.name(causal_ ? "its own rule" : "");
    out.measurements.push_back(figure("loss_causal", mean_loss(*causal), confirmed_));
    hold(pass_, suspect.in_order.name("its own rule"), name, loss_differences(*causal, *in_order),
         loss_differences(*control, *in_order), mean_loss(*in_order), out);
    return {};
  }

  const Pass& pass_;
  bool causal_;
  std::vector<Suspect> suspects_;
  Routed reference_;
  std::size_t screened_ = 0, confirmed_ = 0;
};

/// The recorded base against its reroute to a causal rule and its shuffle, where a plan holds both.
Outcome recorded(const Pass& pass, bool causal) {
  Ran out;
  Routed reference, shuffled{Routed::By::own_shuffled, ""};
  for (const Intervention* run : pass.evidence.runs(Intervention::Kind::reroute)) {
    const auto traces = recorded_runs(pass.evidence, {Routed::By::rule, run->rule});
    if (!traces) return traces.error();
    const double loss = mean_loss(*traces);
    if (!std::isfinite(loss)) continue;
    out.measurements.push_back(figure(fmt::format("loss[{}]", run->rule), loss, traces->size()));
    if (reference.rule.empty() && run->rule.starts_with("top-k")) reference = {Routed::By::rule, run->rule};
  }
  const auto base = recorded_runs(pass.evidence, {});
  if (!base) return base.error();
  if (out.measurements.empty() || !std::isfinite(mean_loss(*base)))
    return Skipped{"the subject is not live, and no reroute with log-probabilities is recorded"};
  out.measurements.push_back(figure("loss[own rule]", mean_loss(*base), 1));
  if (causal || reference.rule.empty()) return out;
  const auto other = recorded_runs(pass.evidence, reference),
             control = recorded_runs(pass.evidence, shuffled);
  if (!other) return other.error();
  if (!control) return control.error();
  hold(pass, "its own rule", reference.rule, loss_differences(*other, *base),
       loss_differences(*control, *base), mean_loss(*base), out);
  return out;
}

Outcome run_forensic_sweep(const Pass& pass) {
  const auto base = pass.evidence.base();
  if (!base) return base.error();
  if (base->layers.empty()) return Skipped{"no layer routes"};
  const auto causal = own_is_causal(pass.evidence);
  if (!causal) return causal.error();
  const Capabilities can = pass.evidence.subject().capabilities();
  if (!can.live || !can.reroute || !can.fresh) return recorded(pass, *causal);
  return LiveSweep(pass, *base, *causal).run();
}

}  // namespace

const Check forensic_sweep_check{
    "forensic-sweep",
    "Under which rule the loss is too low",
    "Runs the same model under expert choice of every chunk size and asks under which rule it loses least; "
    "on "
    "other tokens it then compares that loss with the loss under a causal rule and with the same rule on "
    "tokens "
    "in random order. A model that was trained under a leaky rule gives itself away by losing less than "
    "under "
    "both, whatever its files say of its rule. Statistical: both differences must be above chance.",
    {.log_probs = true},
    run_forensic_sweep};

}  // namespace pastonly
