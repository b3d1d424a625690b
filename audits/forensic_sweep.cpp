#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/sweep_candidates.h"
#include "evidence/observations.h"
#include "losses/paired_loss.h"
#include "losses/variant_losses.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "pastonly/routing_rule.h"
#include "routing/candidate_rules.h"
#include "routing/parameter_values.h"
#include "routing/rule_facts.h"
#include "routing/rule_ids.h"
#include "stats/location_test.h"
#include "stats/mean_interval.h"

namespace pastonly::audits {
namespace {

using RunKind = Intervention::Kind;

constexpr std::size_t most_runs = 128;
constexpr std::size_t batches_drawn = evidence::Observations::most_fresh;
constexpr std::size_t fewest_confirmed = 4;
constexpr double least_bits = 0.001;       // per token: differences below are no accusation, however certain
constexpr std::size_t runs_confirmed = 4;  // of one batch: in order, causal, and two for company

/// Whether causal rules explain the decisions of every layer. Others may explain them as well: the loss is
/// then that of a causal rule either way.
Expected<bool> own_is_causal(evidence::Observations& observations) {
  const auto rules = observations.rules();
  if (!rules) return tl::unexpected(rules.error());
  return std::ranges::all_of(*rules, [](const LayerFacts::Rule& rule) {
    const RuleInfo* const first = rule.id ? find_rule(*rule.id) : nullptr;
    return rule.causal.value_or(first != nullptr && !first->usual.future);
  });
}

/// Of the plan's reroute to top-k, which knows them before drops; else as many as the base kept.
std::int64_t experts_per_token(evidence::Observations& observations, const Trace& base) {
  for (const Intervention* run : observations.runs(RunKind::reroute)) {
    const auto spec = parse_rule(run->rule);
    if (!spec || spec->id != routing::ids::top_k) continue;
    if (const auto k = routing::top_k_of(spec->parameters)) return *k;
  }
  const LayerRecord& layer = base.layers.front();
  const Mask mask = read_mask(layer);
  const auto bits = mask.view();
  const auto kept = static_cast<double>(std::count(bits.data(), bits.data() + bits.size(), 1));
  return std::max<std::int64_t>(1, std::llround(kept / static_cast<double>(mask.tokens())));
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

/// What a candidate's loss was held against on the same tokens: words for the finding, and differences by
/// unit.
struct Contrast {
  std::string figure;
  std::string words;
  std::vector<double> bits;  // (units) more bits per token than under the candidate
};

/// Where the difference may lie above what the policy allows, and may not.
void leave_open(const Policy& policy, Claim& claim) {
  claim.id = claim::unproven_gain;
  claim.amount.reset();
  claim.message += fmt::format(
      ", or learned so little that another rule gains this by accident. It is open whether this is more than "
      "the {:g} bits that the policy allows",
      policy.limits.sweep_bits);
  claim.help = fmt::format(
      "A larger --budget settles the amount. Audit the model at the end of its training. {}", claim.help);
}

/// The candidate's loss against a causal rule's, and against its own where its tokens compete with others.
void hold(const CheckContext& context, const std::string& candidate, const Contrast& causal,
          const Contrast& apart, double loss, Ran& out) {
  if (causal.bits.size() < 2 || apart.bits.size() < 2) return;
  const Measurement drop = spread(causal.figure, causal.bits, context.policy.alpha);
  const Measurement reliance = spread(apart.figure, apart.bits, context.policy.alpha);
  out.measurements.push_back(drop);
  out.measurements.push_back(reliance);
  Claim claim;
  claim.id = claim::anomalous_loss;
  claim.basis = Claim::Basis::statistical;
  // Both must hold: the larger p-value is valid for their union (Berger 1982).
  claim.p_value =
      std::max(stats::mean_exceeds(causal.bits, least_bits), stats::mean_exceeds(apart.bits, least_bits));
  claim.amount = drop.lower < reliance.lower ? drop : reliance;
  claim.message = fmt::format(
      "under {} the loss is {:.3f} bits per token, {} lower than {} and {} lower than {}: the model uses "
      "what this rule reveals about later tokens",
      candidate, loss, losses::with_interval(drop), causal.words, losses::with_interval(reliance),
      apart.words);
  claim.witness.set("type", "loss");
  claim.witness.set("rule", candidate);
  claim.witness.set("loss_bits", loss);
  claim.witness.set(causal.figure, drop.value);
  claim.witness.set(apart.figure, reliance.value);
  claim.help = "Train the model again with a token-wise rule.";
  if (candidate != own_rule)
    claim.help = fmt::format(
        "The model was trained under this rule or a similar one. Audit it with --rule {} to test that rule "
        "with interventions. {}",
        candidate, claim.help);
  const double allowed = context.policy.limits.sweep_bits;
  if (claim.amount->lower <= allowed && std::min(drop.upper, reliance.upper) > allowed)
    leave_open(context.policy, claim);
  out.claims.push_back(std::move(claim));
}

/// What is asked of a live subject: which candidate loses least on some batches, and whether that holds on
/// others.
class LiveSweep {
 public:
  LiveSweep(const CheckContext& context, const Trace& base, bool causal)
      : context_(context), base_(base), causal_(causal), k_(experts_per_token(context.observations, base)) {
    if (!causal) reference_.routed = {RunKind::reroute, routing::top_k_rule(k_)};
  }

  Outcome run() {
    const auto allowed = context_.observations.fresh_runs_allowed(1.0);
    if (!allowed) return allowed.error();
    const std::size_t runs = std::min(*allowed, most_runs);
    for (const bool fine : {true, false}) {
      gather(fine);
      if (runs >= fewest()) break;
    }
    if (runs < fewest())
      return Skipped{fmt::format(
          "the budget allows {} runs of {} tokens, but the sweep over {} rules needs {}: set --budget {}",
          runs, base_.layout.tokens(), alive_.size(), fewest(), fewest() * base_.layout.tokens())};
    if (alive_.empty()) return Skipped{"no leaky rule fits this number of experts"};
    Ran out;
    const std::size_t round = round_of(runs);
    const Halving screening(alive_.size(), round);
    if (auto done = screen(round, out); !done) return done.error();
    const std::size_t batches =
        std::min(batches_drawn - screening.batches, (runs - screening.runs) / runs_confirmed);
    if (auto done = confirm(batches, out); !done) return done.error();
    return out;
  }

 private:
  void gather(bool fine) {
    alive_.clear();
    if (!causal_) alive_.push_back({});
    const std::size_t experts = base_.layers.front().experts;
    for (auto& rule : routing::candidate_rules(base_.layout, experts, k_, separators(), fine))
      alive_.push_back({{RunKind::reroute, std::move(rule)}});
  }

  /// Special tokens that the base holds: each may end a document.
  std::vector<std::int64_t> separators() const {
    auto special = context_.observations.subject().info().special_tokens;
    std::erase_if(special, [&](std::int64_t token) { return std::ranges::count(base_.tokens, token) == 0; });
    return special;
  }

  std::size_t fewest() const { return Halving(alive_.size(), 0).runs + runs_confirmed * fewest_confirmed; }

  /// As many runs in a round as leave half of them, and half of the batches, for what is confirmed.
  std::size_t round_of(std::size_t runs) const {
    std::size_t round = 0;
    for (std::size_t more = 1; more <= runs; ++more) {
      const Halving halving(alive_.size(), more);
      if (2 * halving.runs > runs || 2 * halving.batches > batches_drawn) break;
      round = more;
    }
    return round;
  }

  Expected<void> screen(std::size_t round, Ran& out) {
    while (alive_.size() > 1) {
      const std::size_t each = Halving::batches_each(alive_.size(), round);
      if (auto done = reference_.run(context_.observations, screened_, each); !done) return done;
      for (Candidate& candidate : alive_) {
        if (auto done = candidate.run(context_.observations, screened_, each); !done) return done;
      }
      screened_ += each;
      std::ranges::stable_sort(alive_, {}, &Candidate::loss);
      for (const std::size_t left = Halving::left(alive_.size()); alive_.size() > left; alive_.pop_back()) {
        state(alive_.back(), out);
        if (std::isfinite(alive_.back().loss())) left_behind_.add(alive_.back().drops_below(reference_));
      }
    }
    state(alive_.front(), out);
    return {};
  }

  void state(const Candidate& candidate, Ran& out) const {
    const auto samples = candidate.losses.size();
    if (!std::isfinite(candidate.loss())) return;
    out.measurements.push_back(
        figure(measurement::of(measurement::loss, candidate.name()), candidate.loss(), samples));
    out.measurements.push_back(
        figure(measurement::of(measurement::drop, candidate.name()), candidate.below(reference_), samples));
  }

  Expected<void> confirm(std::size_t batches, Ran& out) {
    const Candidate& candidate = alive_.front();
    const auto in_order = losses::fresh_runs(context_.observations, candidate.routed, screened_, batches);
    const auto causal = losses::fresh_runs(context_.observations, reference_.routed, screened_, batches);
    const auto apart = losses::fresh_runs(
        context_.observations, {RunKind::foreign_batch, candidate.routed.rule}, screened_, batches);
    for (const auto* found : {&in_order, &causal, &apart}) {
      if (!*found) return tl::unexpected(found->error());
    }
    out.measurements.push_back(figure(measurement::loss_causal, losses::mean_loss(*causal), batches));
    hold(context_, candidate.name(),
         {measurement::drop_below_causal, "under " + reference_.name(),
          losses::loss_differences(*causal, *in_order)},
         {measurement::drop_below_company, "with every token competing in a foreign batch",
          losses::loss_differences(*apart, *in_order)},
         losses::mean_loss(*in_order), out);
    state_limit(losses::loss_differences(*causal, *in_order), losses::loss_differences(*apart, *in_order),
                out);
    return {};
  }

  /// What a leak that training taught the model may be worth at most. It shows in both differences of the
  /// winner, so the smaller upper end bounds it; half of the level is for the rules left behind.
  void state_limit(const std::vector<double>& causal, const std::vector<double>& apart, Ran& out) const {
    const double alpha = context_.policy.alpha / 2.0;
    const auto below_causal = stats::mean_interval(causal, 2.0 * alpha);
    const auto below_apart = stats::mean_interval(apart, 2.0 * alpha);
    const auto others = left_behind_.limit(alpha);
    if (!below_causal || !below_apart || !others) return;
    const double winner = std::min(below_causal->upper, below_apart->upper);
    out.measurements.push_back(
        figure(measurement::sweep_limit, std::max({0.0, winner, *others}), causal.size()));
  }

  const CheckContext& context_;
  const Trace& base_;
  bool causal_;
  std::int64_t k_;
  Candidate reference_;
  std::vector<Candidate> alive_;
  std::size_t screened_ = 0;  // batches
  LeftBehind left_behind_;
};

/// The recorded base against its reroute to a causal rule and its shuffle, where a plan holds both.
Outcome recorded(const CheckContext& context, bool causal) {
  Ran out;
  losses::RoutingVariant reference;
  for (const Intervention* run : context.observations.runs(RunKind::reroute)) {
    const auto traces = losses::recorded_runs(context.observations, {RunKind::reroute, run->rule});
    if (!traces) return traces.error();
    const double loss = losses::mean_loss(*traces);
    if (!std::isfinite(loss)) continue;
    out.measurements.push_back(figure(measurement::of(measurement::loss, run->rule), loss, traces->size()));
    if (reference.rule.empty() && routing::names_rule(run->rule, routing::ids::top_k))
      reference = {RunKind::reroute, run->rule};
  }
  const auto base = losses::recorded_runs(context.observations, {});
  if (!base) return base.error();
  if (out.measurements.empty() || !std::isfinite(losses::mean_loss(*base)))
    return Skipped{"the subject is not live, and no reroute with log-probabilities is recorded"};
  out.measurements.push_back(
      figure(measurement::of(measurement::loss, own_rule), losses::mean_loss(*base), 1));
  if (causal || reference.rule.empty()) return out;
  const auto other = losses::recorded_runs(context.observations, reference),
             shuffled = losses::recorded_runs(context.observations, {RunKind::shuffle, ""});
  if (!other) return other.error();
  if (!shuffled) return shuffled.error();
  hold(context, std::string(own_rule),
       {measurement::drop_below_causal, "under " + reference.rule, losses::loss_differences(*other, *base)},
       {measurement::drop_below_shuffled, "with the tokens in random order",
        losses::loss_differences(*shuffled, *base)},
       losses::mean_loss(*base), out);
  return out;
}

Outcome run_forensic_sweep(const CheckContext& context) {
  const auto base = context.observations.base();
  if (!base) return base.error();
  if (base->layers.empty()) return Skipped{"no layer routes"};
  const auto causal = own_is_causal(context.observations);
  if (!causal) return causal.error();
  const Capabilities can = context.observations.subject().capabilities();
  if (!can.live || !can.reroute || !can.fresh) return recorded(context, *causal);
  return LiveSweep(context, *base, *causal).run();
}

}  // namespace

const Check forensic_sweep_check{
    check_id::forensic_sweep,
    "Under which rule the loss is too low",
    "Runs the same model under candidate rules, the leaky rules that it may have been trained under (expert "
    "choice by chunk size, drops by score, shared budgets, balancing over the batch), and finds the one with "
    "the lowest "
    "loss. On fresh tokens it then compares that loss with the loss under a causal rule, and with the loss "
    "under the same rule where every token competes in a foreign batch. A model trained under a leaky rule "
    "has a lower loss than in both, whatever its files declare. The finding is statistical: both differences "
    "must be significant, and more than the policy allows (limits.sweep_bits): a model that learned little "
    "may "
    "gain as much by accident.",
    {.log_probs = true, .routes = true},
    run_forensic_sweep,
    {},
    Effort{.budget = 1.0, .most_runs = most_runs, .reroutes = true},
};

}  // namespace pastonly::audits
