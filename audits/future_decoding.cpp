#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/source_doubt.h"
#include "evidence/observations.h"
#include "losses/decoding.h"
#include "losses/source.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "stats/bootstrap.h"
#include "stats/e_process.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

/// One way to decode: all of them bet an equal share of the stake, so that none has to be chosen.
struct Bet {
  double deviation = 0.0;  ///< prior deviation of the probe's weights
  bool scores = false;     ///< masks and scores, or masks alone
};
constexpr std::array<Bet, 6> bet_sizes{
    {{0.03, false}, {0.1, false}, {0.3, false}, {0.03, true}, {0.1, true}, {0.3, true}}};
constexpr int refinement_steps = 30;
// Of a live subject: fresh batches until there are about so many tokens.
constexpr std::size_t wanted_tokens = 4096, most_batches = 15;
constexpr double fresh_share = 0.25;

/// Which half a sample is of: batches alternate; of a single batch sequences do; a single sequence is cut in
/// the middle.
std::vector<std::uint8_t> halves(const losses::DecodingData& data) {
  std::vector<std::uint8_t> half(data.targets.size());
  const bool batches = !data.batch.empty() && data.batch.back() > 0;
  const bool several = !data.sequence.empty() && data.sequence.front() != data.sequence.back();
  std::size_t ordinal = 0;
  for (std::size_t i = 0; i < half.size(); ++i) {
    if (i > 0 && data.sequence[i] != data.sequence[i - 1]) ++ordinal;
    const std::size_t unit = batches ? data.batch[i] : ordinal;
    half[i] = several ? unit % 2 : i >= half.size() / 2;
  }
  return half;
}

/// Bits that a probe fitted on one half gains on every sample of the other.
std::vector<double> held_out(const losses::DecodingData& data, const std::vector<std::uint8_t>& half,
                             int train, const Bet& bet) {
  stats::SparseRows rows;
  rows.features = bet.scores ? data.routing.features : data.mask_features;
  std::vector<std::uint32_t> targets;
  std::vector<double> priors;  // (1 or samples of this half, classes)
  const bool shared_prior = data.priors.size() == data.classes;
  if (shared_prior) priors = data.priors;
  for (std::size_t i = 0; i < half.size(); ++i) {
    if (half[i] != train) continue;
    for (const auto& entry : data.routing.row(i)) {
      if (entry.first < rows.features) rows.entries.push_back(entry);
    }
    rows.end_row();
    if (!shared_prior) priors.insert(priors.end(), data.prior(i).begin(), data.prior(i).end());
    targets.push_back(data.targets[i]);
  }
  const MatrixView<const double> prior_rows(priors.data(), priors.size() / data.classes, data.classes);
  const auto probe = stats::SoftmaxProbe::fit(rows, targets, prior_rows, bet.deviation, refinement_steps);
  std::vector<double> gains(half.size(), 0.0);
  for (std::size_t i = 0; i < half.size(); ++i) {
    if (half[i] != train) gains[i] = probe.gain(data.routing.row(i), data.targets[i], data.prior(i));
  }
  return gains;
}

struct Decoded {
  std::vector<double> log2_e;      // (sequences tested) stake of the mixture at the end
  std::vector<double> tokens;      // (sequences tested)
  std::vector<std::size_t> batch;  // (sequences tested) ascending
  double gain = 0.0, predicted = 0.0;
};

/// Sequences of a batch may depend on one another: their e-values are averaged. Batches drawn separately and
/// decoded with what others taught multiply; those of the two halves taught each other, so the two products
/// are averaged again.
double combined(const Decoded& decoded) {
  if (decoded.batch.empty() || decoded.batch.back() == 0) return stats::log2_mean(decoded.log2_e);
  std::array<double, 2> product{0.0, 0.0};  // log2, by half
  for (std::size_t first = 0; first < decoded.batch.size();) {
    std::size_t last = first;
    while (last < decoded.batch.size() && decoded.batch[last] == decoded.batch[first]) ++last;
    product.at(decoded.batch[first] % 2) +=
        stats::log2_mean(std::span(decoded.log2_e).subspan(first, last - first));
    first = last;
  }
  return stats::log2_mean(product);
}

/// Each half is decoded with what the other taught; of a single sequence only the later half is, so that
/// every prediction is of a token that comes after all it was learned from.
Decoded decode(const losses::DecodingData& data) {
  const auto half = halves(data);
  const bool several = !data.sequence.empty() && data.sequence.front() != data.sequence.back();
  const std::size_t directions = several ? 2 : 1;
  const std::size_t bets = data.scored ? bet_sizes.size() : bet_sizes.size() / 2;
  std::vector<std::vector<double>> gains(directions * bets);
  stats::parallel_for(gains.size(), [&](std::size_t task) {
    gains[task] = held_out(data, half, static_cast<int>(task / bets), bet_sizes.at(task % bets));
  });
  Decoded out;
  for (std::size_t first = 0; first < half.size();) {
    std::size_t last = first;
    const std::size_t batch = data.batch[first];
    std::vector<double> stakes(bets);
    double tokens = 0.0;
    for (; last < half.size() && data.sequence[last] == data.sequence[first]; ++last) {
      const std::size_t direction = half[last] == 1 ? 0 : 1;  // trained on the other half
      if (direction >= directions) continue;
      tokens += 1.0;
      for (std::size_t b = 0; b < bets; ++b) {
        stakes[b] += gains[direction * bets + b][last];
      }
    }
    first = last;
    if (tokens == 0.0) continue;
    out.log2_e.push_back(stats::log2_mean(stakes));
    out.tokens.push_back(tokens);
    out.batch.push_back(batch);
    out.gain += out.log2_e.back();
    out.predicted += tokens;
  }
  return out;
}

/// The first base run; of a live subject as many fresh batches with it as give the probe enough to learn
/// from.
Expected<losses::DecodingData> gather_routing(const CheckContext& context, const Trace& base,
                                              stats::SourceFit& fit) {
  const auto affordable = context.observations.fresh_batches(fresh_share);
  if (!affordable) return tl::unexpected(affordable.error());
  const std::size_t wanted = wanted_tokens / std::max<std::size_t>(1, base.layout.tokens());
  const std::size_t fresh = std::min({*affordable, std::max<std::size_t>(1, wanted), most_batches});
  losses::DecodingLimits limits;
  limits.samples /= fresh + 1;
  losses::DecodingData data;
  for (std::size_t i = 0; i <= fresh; ++i) {
    const auto trace =
        i == 0 ? Expected<Trace>(base) : context.observations.trace(evidence::Observations::fresh_run(i - 1));
    if (!trace) return tl::unexpected(trace.error());
    const auto source = losses::source_of_tokens(*trace, *context.policy.source, fit);
    if (!source) return tl::unexpected(source.error());
    losses::DecodingData batch = losses::decoding_data(*trace, *source, limits);
    if (i == 0) {
      data = std::move(batch);
    } else {
      losses::append(batch, data);
    }
  }
  return data;
}

Outcome run_future_decoding(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  stats::SourceFit fit;
  const auto gathered = gather_routing(context, *trace, fit);
  if (!gathered) return gathered.error();
  const losses::DecodingData& data = *gathered;
  if (data.targets.size() < 2) return Skipped{"fewer than two tokens have a next token to predict"};
  const Decoded decoded = decode(data);
  const double log2_e = combined(decoded);
  const stats::SourceFit::Gain causal = fit.gain();
  const bool drawn = context.observations.subject().info().drawn_from == context.policy.source;
  const SourceEvidence evidence = source_evidence("the probe", log2_e, causal, drawn, context.policy);
  const auto samples = static_cast<std::uint64_t>(decoded.predicted);
  Measurement gain{
      measurement::decoded_bits, decoded.gain / decoded.predicted, {}, {}, "bits per token", samples, {}};
  if (const auto interval = stats::bootstrap_ratio(decoded.log2_e, decoded.tokens,
                                                   {.alpha = context.policy.alpha, .seed = context.seed})) {
    gain.lower = interval->lower;
    gain.upper = interval->upper;
  }
  Ran ran;
  ran.measurements.push_back(gain);
  ran.measurements.push_back({measurement::log2_e_value, log2_e, {}, {}, "bits", samples, {}});
  ran.measurements.push_back(causal_gain(causal, samples));
  ran.measurements.push_back(
      {measurement::decoding_sample,
       static_cast<double>(data.targets.size()) / static_cast<double>(data.available),
       {},
       {},
       data.scored ? "fraction of tokens, masks and scores" : "fraction of tokens, masks only",
       data.targets.size(),
       {}});
  Claim claim;
  claim.id = claim::decodable;
  claim.basis = Claim::Basis::statistical;
  claim.p_value = stats::p_value_of(evidence.usable);
  gain.lower = stats::mean_lower_bound(evidence.usable, context.policy.alpha, decoded.predicted);
  gain.upper.reset();
  gain.value = std::max(gain.value, *gain.lower);
  claim.amount = gain;
  claim.message = fmt::format(
      "a probe trained on half of the sequences predicts the next token from the current token's routing: on "
      "the other half it gains {:.4f} bits per token over the source (log2 e-value {:.1f}{})",
      decoded.gain / decoded.predicted, log2_e, less_causal_gain(causal));
  for (const LayerRecord& layer : trace->layers) claim.layers.push_back(layer.index);
  claim.witness.set("type", "probe");
  claim.witness.set("trace", trace->path);
  claim.witness.set("source", name(*context.policy.source));
  claim.witness.set("decoded_bits", decoded.gain / decoded.predicted);
  claim.witness.set("log2_e_value", log2_e);
  claim.help =
      "Routing carries information about the next token, so it was computed from later tokens. causal-mask "
      "shows which layers depend on later tokens.";
  if (!evidence.proves) leave_open(context.policy, claim);
  ran.claims.push_back(std::move(claim));
  if (evidence.doubt) ran.claims.push_back(*evidence.doubt);
  return ran;
}

}  // namespace

const Check future_decoding_check{
    "future-decoding",
    "Next tokens decoded from routing",
    "On tokens of a known source, nothing before a token predicts it better than the source does. A "
    "multinomial logistic probe on top of the source's probabilities is fitted on the routing of half of the "
    "sequences (masks of all layers, and scores where recorded) to predict the next token. It then bets on "
    "the other half: its likelihood ratio to the source is an e-value, and its gain is a lower bound on the "
    "information that routing carries. Large traces are sampled, 8,192 tokens; vocabularies above 64 are "
    "predicted modulo 64.",
    {.tokens = true, .source = true, .routes = true},
    run_future_decoding,
    {},
    Effort{.budget = 0.25, .most_runs = 64},
};

}  // namespace pastonly::audits
