#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "audits/checks.h"
#include "comparison/resampled_futures.h"
#include "comparison/suffix_runs.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "stats/entropy.h"
#include "stats/exchange_test.h"
#include "stats/interval.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

constexpr std::size_t drawn_futures = 200;  // of each prefix of a live subject

/// All prefixes' routings under their futures, and how often runs that leave them alone were looked at in
/// their place.
struct Futures {
  std::vector<comparison::PrefixRouting> prefixes;
  std::size_t layers = 0;                    ///< assessed: those before the first that chance reaches
  std::uint64_t repeats = 0, unchanged = 0;  ///< runs that left a prefix alone
  std::uint64_t controls_differing = 0;      ///< of these
};

constexpr std::size_t most_unchanged = 16;  // runs looked at in place of a prefix's futures

/// Runs that leave a prefix alone, and whether they route it differently all the same. Of runs that redraw
/// other rows, those do not count that decide otherwise at a score that is equal to the last bit: the other
/// rows decide there.
Expected<void> count_controls(evidence::Observations& observations, const comparison::Reference& reference,
                              const comparison::Prefix& prefix,
                              std::span<const comparison::SuffixRun> suffix_runs, Futures& out) {
  const comparison::Region region{prefix.row, prefix.row, prefix.cut};
  std::vector<const Intervention*> runs = reference.repeats;
  for (const comparison::SuffixRun& suffix : suffix_runs) {
    if (runs.size() >= reference.repeats.size() + most_unchanged) break;
    const bool redrawn =
        std::ranges::any_of(suffix.rows, [&](const auto& row) { return row.row == prefix.row; });
    if (suffix.run->base == prefix.base && !redrawn && !suffix.rows.empty()) runs.push_back(suffix.run);
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto trace = observations.trace(*runs[i]);
    if (!trace) return tl::unexpected(trace.error());
    const auto difference =
        comparison::compare(reference.base, *trace, std::span(&region, 1), reference.cautious);
    if (!difference) return tl::unexpected(difference.error());
    const bool repeat = i < reference.repeats.size();
    const bool decided_elsewhere =
        std::ranges::any_of(difference->layers, [](const comparison::LayerDifference& layer) {
          return std::ranges::any_of(layer.first_flips,
                                     [](const comparison::Flip& flip) { return flip.moved == 0.0; });
        });
    if (!repeat && decided_elsewhere) continue;
    ++(repeat ? out.repeats : out.unchanged);
    out.controls_differing += difference->flips() > 0 ? 1 : 0;
  }
  return {};
}

Expected<Futures> gather(const CheckContext& context, const std::vector<comparison::Prefix>& prefixes,
                         const Trace& base) {
  const auto suffix_runs = comparison::suffix_runs(context.observations);
  if (!suffix_runs) return tl::unexpected(suffix_runs.error());
  comparison::References references(context.observations);
  std::vector<const comparison::Reference*> reference;
  Futures futures;
  futures.layers = base.layers.size();
  for (const comparison::Prefix& prefix : prefixes) {
    const auto found = references.of(*prefix.futures.front());
    if (!found) return tl::unexpected(found.error());
    reference.push_back(*found);
    const auto& chance = (*found)->stochastic_layers;
    futures.layers = std::min<std::size_t>(
        futures.layers, std::distance(chance.begin(), std::find(chance.begin(), chance.end(), true)));
    if (auto counted = count_controls(context.observations, **found, prefix, *suffix_runs, futures); !counted)
      return tl::unexpected(counted.error());
  }
  std::vector<Expected<comparison::PrefixRouting>> routed(prefixes.size());
  stats::parallel_for(prefixes.size(), [&](std::size_t i) {
    routed[i] =
        comparison::route_prefix(context.observations, prefixes[i], reference[i]->cautious, futures.layers);
  });
  for (auto& one : routed) {
    if (!one) return tl::unexpected(one.error());
    futures.prefixes.push_back(*std::move(one));
  }
  return futures;
}

struct LeakEstimate {
  std::uint64_t pairs = 0, differing = 0;
  LayerFacts::Leak leak;
  bool of_shannon =
      false;  ///< else the leak's value is Renyi's entropy of order 2, which is at most Shannon's

  const char* name() const {
    return of_shannon ? measurement::future_information : measurement::collision_information;
  }
};

bool has_many(const comparison::PrefixRouting& prefix) { return !prefix.classes.empty(); }

/// Row: a layer, or the last for all of them. Where some prefixes have many futures the bits are theirs: the
/// better of two certified bounds on the mean over these prefixes, each at half the level.
LeakEstimate estimate(const Futures& futures, std::size_t row, double alpha) {
  LeakEstimate out;
  double plug_in = 0.0, certified = 0.0;
  const auto deep = static_cast<double>(std::ranges::count_if(futures.prefixes, has_many));
  const bool many = deep > 0.0;
  const double count = many ? deep : static_cast<double>(futures.prefixes.size());
  const double collision_alpha = many ? alpha / 2.0 : alpha;
  for (const comparison::PrefixRouting& prefix : futures.prefixes) {
    if (has_many(prefix) != many) continue;
    out.pairs += prefix.pairs;
    out.differing += prefix.differing[row];
    if (!many) continue;
    plug_in += stats::miller_madow_entropy(prefix.classes[row]) / count;
    certified += stats::certified_entropy(prefix.classes[row], alpha / 2.0 / count) / count;
  }
  // Pairs of different prefixes have unequal chances. The binomial limit still holds (Hoeffding 1956), but
  // for a single difference, where the sum of the chances takes its place.
  const double least = out.differing == 1
                           ? collision_alpha / static_cast<double>(out.pairs)
                           : stats::clopper_pearson_lower(out.differing, out.pairs, collision_alpha);
  out.leak.lower = std::max(stats::collision_entropy(least), certified);
  out.leak.unit = "bits per prefix";
  out.of_shannon = many;
  if (many) {
    out.leak.bits = plug_in;
    out.leak.method = "estimate of Shannon bits: Miller-Madow over resampled futures; lower: certified";
  } else {
    // Where every pair differs the share is put half a pair lower: the collision entropy stays finite.
    const double share = std::min(static_cast<double>(out.differing), static_cast<double>(out.pairs) - 0.5) /
                         static_cast<double>(out.pairs);
    out.leak.bits = stats::collision_entropy(share);
    out.leak.method =
        "no estimate of Shannon bits, which are at least as many: collision information over pairs of "
        "futures "
        "(Renyi, order 2); lower: certified (Clopper-Pearson)";
  }
  return out;
}

void measure(const LeakEstimate& found, std::optional<LayerIndex> layer, Ran& ran) {
  const double share = static_cast<double>(found.differing) / static_cast<double>(found.pairs);
  ran.measurements.push_back(
      {measurement::differing_futures, share, {}, {}, "fraction of pairs", found.pairs, layer});
  ran.measurements.push_back({found.name(), found.leak.bits, found.leak.lower, found.leak.upper,
                              found.leak.unit, found.pairs, layer});
}

Claim leak_claim(const Futures& futures, const LeakEstimate& joint, const Trace& base,
                 const std::vector<LeakEstimate>& layers) {
  Claim claim;
  claim.id = claim::routing_leak;
  claim.basis = Claim::Basis::statistical;
  std::uint64_t pairs = 0, differing = 0;  // of all prefixes
  for (const comparison::PrefixRouting& prefix : futures.prefixes) {
    pairs += prefix.pairs;
    differing += prefix.differing.back();
  }
  claim.p_value = stats::exchange_p_value(differing, pairs, futures.repeats + futures.unchanged,
                                          futures.controls_differing);
  claim.amount = Measurement{
      joint.name(), joint.leak.bits, joint.leak.lower, joint.leak.upper, joint.leak.unit, joint.pairs, {}};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (layers[l].differing > 0) claim.layers.push_back(base.layers[l].index);
  }
  for (const comparison::PrefixRouting& prefix : futures.prefixes) {
    if (claim.witness.is_null()) claim.witness = prefix.witness;
  }
  std::string controls = fmt::format("{} plain repeats", futures.repeats);
  if (futures.unchanged > 0) controls += fmt::format(" and {} unchanged rows", futures.unchanged);
  claim.message = fmt::format(
      "{} of {} pairs of resampled futures route the same prefix differently ({} of {} do): "
      "the routing of a prefix carries at least {:.3g} bits about later tokens ({} {:.3g})",
      differing, pairs,
      futures.controls_differing == 0 ? std::string("none") : fmt::format("{}", futures.controls_differing),
      controls, *joint.leak.lower, joint.of_shannon ? "estimated" : "collision information", joint.leak.bits);
  claim.help =
      "causal-mask shows which decisions changed, and whether a rule or what feeds the router looks ahead; "
      "rule-identification names the rules.";
  return claim;
}

Outcome run_future_information(const CheckContext& context) {
  const auto base = context.observations.base();
  if (!base) return base.error();
  auto prefixes = comparison::independent_prefixes(context.observations, base->layout);
  const comparison::DeepPrefixes deep =
      comparison::deep_prefixes(context.observations, base->layout, drawn_futures);
  prefixes.insert(prefixes.end(), deep.prefixes.begin(), deep.prefixes.end());
  if (prefixes.empty()) {
    return Skipped{
        "no row has two suffix runs with equal cut and different resample that change this row alone"};
  }
  const auto futures = gather(context, prefixes, *base);
  if (!futures) return futures.error();
  if (futures->layers == 0) {
    return Skipped{
        "plain repeats already route differently from the first layer on, which hides the effect of later "
        "tokens"};
  }
  Ran ran;
  std::vector<LeakEstimate> layers;
  for (std::size_t l = 0; l < futures->layers; ++l) {
    layers.push_back(estimate(*futures, l, context.policy.alpha));
    measure(layers.back(), base->layers[l].index, ran);
    LayerFacts facts;
    facts.index = base->layers[l].index;
    facts.leak = layers.back().leak;
    ran.layers.push_back(std::move(facts));
  }
  const LeakEstimate joint = estimate(*futures, futures->layers, context.policy.alpha);
  measure(joint, std::nullopt, ran);
  if (!deep.prefixes.empty()) {
    ran.measurements.push_back({measurement::futures_per_prefix,
                                static_cast<double>(drawn_futures),
                                {},
                                {},
                                "futures",
                                deep.prefixes.size(),
                                {}});
  }
  ran.measurements.push_back({measurement::repeated_prefixes,
                              static_cast<double>(futures->repeats),
                              {},
                              {},
                              "repeats",
                              futures->prefixes.size(),
                              {}});
  ran.claims.push_back(leak_claim(*futures, joint, *base, layers));
  return ran;
}

}  // namespace

const Check future_information_check{
    "future-information",
    "Bits about later tokens that routing carries",
    "Compares the routing of the same prefix under resampled futures, drawn independently. With f the "
    "probability that two futures route the prefix differently, its collision information is -log2(1 - f) "
    "(Renyi's, of order 2); the routing carries at least as many Shannon bits about later tokens. The lower "
    "end uses the lower Clopper-Pearson limit of f. The check needs "
    "suffix runs with two resamples of one row, and repeats to separate random routing from dependence on "
    "later tokens.",
    {.routes = true},
    run_future_information,
    {},
    Effort{.budget = 1.0, .least_runs = drawn_futures},
};

}  // namespace pastonly::audits
