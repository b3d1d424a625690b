#include "run/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "comparison/agreement.h"
#include "comparison/gate_agreement.h"
#include "comparison/loss_agreement.h"
#include "comparison/record_hazards.h"
#include "comparison/route_causes.h"
#include "integrity/layer_scan.h"
#include "pastonly/names.h"
#include "pastonly/version.h"
#include "run/agreement_charts.h"
#include "run/judge.h"
#include "run/passes.h"
#include "stats/interval.h"
#include "stats/parallel.h"

namespace pastonly::run {
namespace {

using comparison::Alignment;
using comparison::LayerAgreement;

std::string share(double value) { return fmt::format("{:.3g}%", 100.0 * value); }

std::string place(const Trace& trace, std::size_t token) {
  return fmt::format("row {}, position {}", token / trace.layout.positions, token % trace.layout.positions);
}

std::string list(const std::vector<std::size_t>& values) {
  constexpr std::size_t most = 8;
  std::string out = fmt::format(
      "{}", fmt::join(values.begin(),
                      values.begin() + static_cast<std::ptrdiff_t>(std::min(most, values.size())), ", "));
  return values.size() > most ? fmt::format("{} and {} more", out, values.size() - most) : out;
}

std::vector<std::size_t> numbers(const std::vector<LayerIndex>& layers) {
  std::vector<std::size_t> out(layers.size());
  std::ranges::transform(layers, out.begin(), [](LayerIndex layer) { return raw(layer); });
  return out;
}

/// What two aligned recordings say, claim by claim.
class Comparison {
 public:
  Comparison(const Trace& first, const Trace& second, const Alignment& alignment, const Policy& policy,
             std::uint64_t seed, const Watch& watch)
      : passes_(watch, alignment.layers.size()),
        first_(first),
        second_(second),
        alignment_(alignment),
        agreement_(agreement_of(policy.alpha, seed)),
        policy_(policy),
        seed_(seed) {}

  Ran run() {
    add(measurement::tokens_compared, static_cast<double>(alignment_.tokens), "tokens", alignment_.tokens);
    places();
    records();
    routes();
    scores();
    out_.charts = agreement_charts(first_, alignment_, agreement_);
    gates();
    losses();
    return std::move(out_);
  }

 private:
  comparison::Agreement agreement_of(double alpha, std::uint64_t seed) {
    passes_.begin(0.6);
    return comparison::agreement(first_, second_, alignment_, alpha, seed, [this] { passes_.layer_done(); });
  }
  Measurement& add(const char* name, double value, std::string unit, std::uint64_t samples) {
    return out_.measurements.emplace_back(Measurement{name, value, {}, {}, std::move(unit), samples, {}});
  }
  Claim& claim(const char* id, Claim::Basis basis, std::string message) {
    Claim& out = out_.claims.emplace_back();
    out.id = id;
    out.basis = basis;
    out.message = std::move(message);
    return out;
  }

  /// How often a fault of a record was seen, over all its tokens.
  static Measurement counted(const std::string& label, std::uint64_t count, std::string unit,
                             std::uint64_t samples) {
    return {measurement::of(measurement::hazard, label),
            static_cast<double>(count),
            {},
            {},
            std::move(unit),
            samples,
            {}};
  }

  void places() {
    for (const std::string& found : alignment_.found)
      claim(claim::aligned, Claim::Basis::observation, found + "; compared accordingly");
    if (!alignment_.known)
      claim(claim::aligned, Claim::Basis::observation,
            "token ids are not recorded in both: that they are the same is assumed");
    const auto lacks = [&](const std::vector<std::size_t>& which, const char* what, const char* holds,
                           const char* lacking) {
      if (which.empty()) return;
      claim(claim::unpaired, Claim::Basis::observation,
            fmt::format("{} {} of {} {} not in {}, and {} not compared", what, list(which), holds,
                        which.size() == 1 ? "is" : "are", lacking, which.size() == 1 ? "is" : "are"));
    };
    lacks(alignment_.only_first, alignment_.only_first.size() == 1 ? "row" : "rows", "the first",
          "the second");
    lacks(alignment_.only_second, alignment_.only_second.size() == 1 ? "row" : "rows", "the second",
          "the first");
    lacks(numbers(alignment_.layers_only_first),
          alignment_.layers_only_first.size() == 1 ? "layer" : "layers", "the first", "the second");
    lacks(numbers(alignment_.layers_only_second),
          alignment_.layers_only_second.size() == 1 ? "layer" : "layers", "the second", "the first");
  }

  void records() {
    if (alignment_.suspected_shift != 0)
      claim(claim::unsound_record, Claim::Basis::observation,
            fmt::format(
                "layer l of the first is routed as layer l{:+} of the second: one of the records is shifted",
                alignment_.suspected_shift))
          .amount =
          counted("shifted-layers", static_cast<std::uint64_t>(std::abs(alignment_.suspected_shift)),
                  "layers", alignment_.layers.size());
    if (first_.mode != second_.mode)
      claim(claim::aligned, Claim::Basis::observation,
            fmt::format("the first is in mode {}, the second in {}", name(first_.mode), name(second_.mode)));
    few_tokens();
    for (const bool swapped : {true, false}) {
      const Trace& record = swapped ? first_ : second_;
      const std::string side = swapped ? "the first" : "the second";
      for (const TraceIssue& issue : record.issues) {
        const bool sound = issue.kind == TraceIssue::Kind::oddity;
        Claim& made = claim(sound ? claim::aligned : claim::unsound_record, Claim::Basis::observation,
                            fmt::format("of {}: {}", side, issue.message));
        if (!sound)
          made.amount = counted(side + ": " + issue.id, std::max<std::uint64_t>(1, issue.count), "times",
                                record.layout.tokens());
      }
      contradictions(record, side);
      if (record.ran_here) continue;
      for (const comparison::Hazard& hazard : record_hazards(first_, second_, alignment_, swapped)) {
        const bool harmless = hazard.id == "undecided-tokens";
        std::string message = hazard.message;
        if (hazard.token) message += fmt::format("; the first at {}", place(record, *hazard.token));
        // Held against the other, it is certain; and it explains what comes after it.
        Claim& made = claim(harmless ? claim::aligned : claim::unsound_record,
                            harmless ? Claim::Basis::observation : Claim::Basis::proof, std::move(message));
        made.layers = hazard.layers;
        if (harmless) continue;
        made.amount = counted(side + ": " + hazard.id, hazard.count,
                              hazard.id == "zero-layer" ? "layers" : "tokens", alignment_.tokens);
        made.help = "The record is not of what was routed: mend what writes it, and record again.";
      }
    }
  }

  /// What no model can have recorded.
  void contradictions(const Trace& record, const std::string& side) {
    std::vector<integrity::Scan> scans(record.layers.size() + 1);
    passes_.begin(0.15);
    stats::parallel_for(record.layers.size(), [&](std::size_t l) {
      scans[l] = integrity::scan_layer(record, record.layers[l]);
      passes_.layer_done();
    });
    scans.back() = integrity::scan_batch(record);
    for (std::size_t i = 0; i < integrity::issue_kind_count; ++i) {
      const auto kind = static_cast<integrity::IssueKind>(i);
      const integrity::IssueText& fault = integrity::info(kind);
      if (fault.kind != TraceIssue::Kind::contradiction) continue;
      integrity::IssueCount all;
      std::vector<LayerIndex> layers;
      for (std::size_t l = 0; l < scans.size(); ++l) {
        const integrity::IssueCount& seen = scans[l].issue_counts[kind];
        if (seen.count == 0) continue;
        if (all.count == 0) all = {0, seen.token, seen.column, seen.value};
        all.count += seen.count;
        if (l < record.layers.size()) layers.push_back(record.layers[l].index);
      }
      if (all.count == 0) continue;
      Claim& made = claim(claim::unsound_record, Claim::Basis::proof,
                          fmt::format("of {}: {} {} {}; the first at {}", side, all.count, fault.unit,
                                      fault.text, place(record, all.token)));
      made.amount = counted(side + ": " + std::string(fault.id), all.count, std::string(fault.unit),
                            record.layout.tokens());
      made.layers = std::move(layers);
      made.help = "No model routes like this, so the recording is wrong.";
    }
  }

  /// Rows of scores that a recorder left at zero: the routes stand, what they were chosen by does not.
  static std::uint64_t zero_rows(const Trace& trace, const TokenTensor& scores) {
    constexpr std::size_t block = 4096;
    std::uint64_t rows = 0;
    std::vector<float> scratch;
    for (std::size_t first = 0; first < scores.tokens(); first += block) {
      const auto read = read_floats(scores, first, std::min(block, scores.tokens() - first), scratch);
      for (std::size_t i = 0; i < read.rows(); ++i) {
        if (!trace.is_valid(first + i)) continue;
        const auto row = read.row(i);
        rows += std::ranges::all_of(row, [](float score) { return score == 0.0F; }) ? 1 : 0;
      }
    }
    return rows;
  }

  /// What explains scores that differ: rows without any, and types that round otherwise.
  void scores() {
    std::uint64_t zeros[2] = {0, 0};
    std::vector<LayerIndex> layers;
    std::string types;
    for (std::size_t l = 0; l < alignment_.layers.size(); ++l) {
      const TokenTensor* const of_first = alignment_.layers[l].first->ranking();
      const TokenTensor* const of_second = alignment_.layers[l].second->ranking();
      if (of_first == nullptr || of_second == nullptr) continue;
      if (types.empty() && of_first->type != of_second->type)
        types = fmt::format(
            "the first's scores are stored as {}, the second's as {}: where types round "
            "otherwise, scores differ and near ties fall otherwise",
            name(of_first->type), name(of_second->type));
      constexpr double drifted = 1e-3;
      const auto& drift = agreement_.layers[l].score_drift;
      if (drift && drift->value < drifted) continue;
      const std::uint64_t first = zero_rows(first_, *of_first), second = zero_rows(second_, *of_second);
      if ((first == 0) == (second == 0)) continue;
      zeros[0] += first;
      zeros[1] += second;
      layers.push_back(alignment_.layers[l].first->index);
    }
    if (!types.empty()) claim(claim::aligned, Claim::Basis::observation, std::move(types));
    for (const bool of_second : {false, true}) {
      if (zeros[of_second ? 1 : 0] == 0) continue;
      Claim& made = claim(
          claim::unsound_record, Claim::Basis::observation,
          fmt::format("{} rows of scores of the {} are zero throughout, and none of the {}'s: they were not "
                      "recorded, so that scores and near ties cannot be compared there",
                      zeros[of_second ? 1 : 0], of_second ? "second" : "first",
                      of_second ? "first" : "second"));
      made.layers = layers;
      made.amount = counted(of_second ? "the second: zero-scores" : "the first: zero-scores",
                            zeros[of_second ? 1 : 0], "rows", alignment_.tokens);
    }
  }

  /// A comparison says nothing of what it left out.
  void few_tokens() {
    const auto real = [](const Trace& trace) {
      std::uint64_t count = 0;
      for (std::size_t token = 0; token < trace.layout.tokens(); ++token)
        count += trace.is_valid(token) ? 1 : 0;
      return count;
    };
    const std::uint64_t most = std::min(real(first_), real(second_));
    if (2 * alignment_.tokens >= most) return;
    claim(claim::unsound_record, Claim::Basis::observation,
          fmt::format("decisions of {} tokens are in both, of {} that the shorter recording has",
                      alignment_.tokens, most))
        .amount = counted("few-in-both", most - std::min(most, alignment_.tokens), "tokens", most);
  }

  /// Figures over all layers: a token counts where any layer differs.
  void routes() {
    std::set<std::size_t> differing;
    std::uint64_t near_decisions = 0;
    double routes = 0.0, lost = 0.0;
    for (const LayerAgreement& layer : agreement_.layers) {
      for (Measurement figure :
           {layer.kept, layer.same_tokens, layer.near_ties, layer.differing_tokens, layer.lost_routes})
        out_.measurements.push_back(std::move(figure));
      if (layer.score_drift) out_.measurements.push_back(*layer.score_drift);
      out_.measurements.push_back({measurement::routes_by_chance,
                                   layer.by_chance,
                                   {},
                                   {},
                                   "fraction of routes",
                                   layer.kept.samples,
                                   layer.index});
      differing.insert(layer.differing.begin(), layer.differing.end());
      near_decisions += layer.near.size();
      routes += static_cast<double>(layer.kept.samples);
      lost += layer.lost_routes.value * static_cast<double>(layer.kept.samples);
    }
    const auto tokens = static_cast<double>(alignment_.tokens);
    const Measurement share_of_tokens =
        add(measurement::differing_tokens, static_cast<double>(differing.size()) / tokens,
            "fraction of tokens", alignment_.tokens);
    const Measurement share_of_routes = add(measurement::lost_routes, routes > 0.0 ? lost / routes : 0.0,
                                            "fraction of routes", static_cast<std::uint64_t>(routes));
    const auto decisions = tokens * static_cast<double>(std::max<std::size_t>(agreement_.layers.size(), 1));
    const Measurement ties = add(measurement::near_ties, static_cast<double>(near_decisions) / decisions,
                                 "fraction of decisions", static_cast<std::uint64_t>(decisions));
    if (differing.empty() && !agreement_.layers.empty()) unseen();
    if (!differing.empty()) mismatch(differing.size(), share_of_tokens, share_of_routes);
    if (near_decisions > 0) {
      Claim& made =
          claim(claim::near_ties, Claim::Basis::observation,
                fmt::format("{} of {} decisions, a token's in one layer, are for other experts at near ties: "
                            "those that were "
                            "exchanged stand no further apart than the noise between the recordings",
                            near_decisions, static_cast<std::uint64_t>(decisions)));
      made.amount = ties;
      made.help =
          "Expected of engines in 16 bits. More of them than limits.near_ties says that the two compute with "
          "other precision.";
    }
  }

  /// What may differ where nothing was seen to: sequences are the independent trials.
  void unseen() {
    std::set<std::size_t> sequences;
    for (const auto& stretch : alignment_.stretches)
      sequences.insert(stretch.first / first_.layout.positions);
    const double upper = stats::clopper_pearson_upper(0, sequences.size(), policy_.alpha);
    add(measurement::unseen_share, upper, "fraction of sequences", sequences.size());
  }

  void mismatch(std::size_t tokens, const Measurement& share_of_tokens, const Measurement& share_of_routes) {
    const auto worst = std::ranges::find_if(
        agreement_.layers, [](const LayerAgreement& layer) { return layer.place.has_value(); });
    const auto pair = static_cast<std::size_t>(worst - agreement_.layers.begin());
    std::string message = fmt::format(
        "{} of {} tokens ({}) have other experts in some layer, {} of routes are lost. Layer {} is the first "
        "that differs: {}",
        tokens, alignment_.tokens, share(share_of_tokens.value), share(share_of_routes.value),
        raw(worst->index), origin(*worst));
    message += fmt::format(". First at {}{}: {}", place(first_, worst->place->first),
                           worst->place->first == worst->place->second
                               ? ""
                               : fmt::format(" ({} of the second)", place(second_, worst->place->second)),
                           exchanged(*worst->place));
    if (const auto cause = comparison::route_cause(first_, second_, alignment_, pair, scores_agree(*worst)))
      message += fmt::format(". The second {}: that explains {:.1f}% of the tokens that differ there",
                             cause->message, 100.0 * cause->explained);
    std::vector<LayerIndex> layers;
    for (const LayerAgreement& layer : agreement_.layers) {
      if (layer.place) layers.push_back(layer.index);
    }
    Claim& made = claim(claim::route_mismatch, Claim::Basis::proof, std::move(message));
    made.amount = share_of_tokens;
    made.layers = layers;
    made.help =
        "Mend the first layer that differs; later ones may only pass its difference on. "
        "limits.mismatch_tokens and limits.mismatch_routes say how much a policy accepts.";
    Claim& lost = claim(
        claim::lost_routes, Claim::Basis::proof,
        fmt::format("{} of the first's routes, over all layers, are not made by the second, near ties apart",
                    share(share_of_routes.value)));
    lost.amount = share_of_routes;
    lost.layers = std::move(layers);
  }

  /// Or are not recorded on both sides, so that nothing says otherwise.
  static bool scores_agree(const LayerAgreement& layer) {
    constexpr double equal = 1e-3;
    return !layer.score_drift || layer.score_drift->value <= equal;
  }

  std::string origin(const LayerAgreement& layer) const {
    const auto pair = std::ranges::find_if(alignment_.layers,
                                           [&](const auto& one) { return one.first->index == layer.index; });
    const bool ranked = pair != alignment_.layers.end() && pair->first->ranking() != nullptr &&
                        pair->second->ranking() != nullptr;
    if (!layer.score_drift)
      return fmt::format("{}, so whether they or the selection differ is open",
                         ranked ? "its scores are no shares in both (logits, or rows of zeros)"
                                : "scores are not recorded in both");
    return scores_agree(layer)
               ? "its scores agree, so the selection differs"
               : fmt::format(
                     "its scores differ by {:.3g} (total variation), so its router or what feeds it does",
                     layer.score_drift->value);
  }

  static std::string exchanged(const LayerAgreement::Place& at) {
    const auto experts = [](const std::vector<std::size_t>& which) {
      return which.empty() ? std::string("none") : fmt::format("{}", list(which));
    };
    return fmt::format("experts of the first alone {}, of the second alone {}", experts(at.only_first),
                       experts(at.only_second));
  }

  void gates() {
    std::vector<std::optional<comparison::GateAgreement>> all(alignment_.layers.size());
    passes_.begin(0.1);
    stats::parallel_for(all.size(), [&](std::size_t i) {
      all[i] = comparison::gate_agreement(first_, second_, alignment_, i, policy_.alpha, seed_);
      passes_.layer_done();
    });
    std::vector<const comparison::GateAgreement*> differing;
    for (const auto& layer : all) {
      if (!layer) continue;
      out_.measurements.push_back(layer->differing);
      out_.measurements.push_back(layer->difference);
      if (layer->differing.value > allowed_gates) differing.push_back(&*layer);
    }
    if (differing.empty()) return;
    const comparison::GateAgreement& one = *differing.front();
    std::string message = fmt::format(
        "gates of {} of the tokens with the same experts differ beyond rounding, by {:.3g} of the largest "
        "gate on "
        "average (layer {}; first at {})",
        share(one.differing.value), one.difference.value, raw(one.index), place(first_, one.first));
    if (!one.formula.empty()) message += fmt::format(". The second's gates are {}", one.formula);
    Claim& made = claim(claim::gate_mismatch, Claim::Basis::proof, std::move(message));
    for (const auto* layer : differing) made.layers.push_back(layer->index);
    made.help =
        "Renormalisation, a scaling factor, or the selection bias within gates: compare the options of both "
        "engines.";
  }

  void losses() {
    const auto found = comparison::loss_agreement(first_, second_, alignment_, policy_.alpha, seed_);
    if (!found) return;
    out_.measurements.push_back(found->distance);
    out_.measurements.push_back(found->change);
    if (found->not_finite > 0)
      claim(claim::loss_mismatch, Claim::Basis::proof,
            fmt::format("{} log-probabilities within rows are no finite numbers in one or both",
                        found->not_finite))
          .amount = counted("not-finite", found->not_finite, "log-probabilities", alignment_.tokens);
    if (found->distance.value <= found->tolerance) return;
    Claim& made = claim(claim::loss_mismatch, Claim::Basis::proof,
                        fmt::format("log-probabilities of the same tokens differ by {:.3g} nats on average, "
                                    "rounding allows {:.3g}; the second's loss is "
                                    "{:+.3g} bits per token. Most at {}",
                                    found->distance.value, found->tolerance, found->change.value,
                                    place(first_, found->first)));
    made.help =
        "Where routes and gates agree, the models differ beyond their routers: experts, attention, norms, or "
        "the head.";
  }

  /// Of tokens: single ones are roundings of extreme gates.
  static constexpr double allowed_gates = 0.001;

  Passes passes_;
  const Trace& first_;
  const Trace& second_;
  const Alignment& alignment_;
  comparison::Agreement agreement_;
  const Policy& policy_;
  std::uint64_t seed_;
  Ran out_;
};

}  // namespace

Expected<Report> compare(const Trace& first, const Trace& second, const Policy& policy, std::uint64_t seed,
                         std::string_view today, const Watch& watch) {
  const auto alignment = comparison::align(first, second);
  if (!alignment) return tl::unexpected(alignment.error());
  Report report;
  report.tool = {"pastonly", std::string(version()), std::string(commit())};
  report.run.seed = seed;
  report.subject.kind = "comparison";
  report.subject.name = fmt::format("{} against {}", first.path, second.path);
  report.subject.mode = name(first.mode == second.mode ? first.mode : Mode::unknown);
  report.subject.stage = name(first.stage == second.stage ? first.stage : Stage::unknown);
  report.subject.tokens = alignment->tokens;
  report.subject.vocab = first.vocab;
  Outcomes outcomes;
  outcomes.emplace_back(check_id::same_routes,
                        Comparison(first, second, *alignment, policy, seed, watch).run());
  report.checks.push_back(entry_of(check_id::same_routes, outcomes.back().second, 0.0));
  const auto not_compared = [&](bool compared, const char* what) {
    if (!compared) report.not_assessed.push_back({check_id::same_routes, what});
  };
  const auto in_all = [&](auto member) {
    return std::ranges::all_of(
        alignment->layers, [&](const auto& pair) { return (pair.first->*member && pair.second->*member); });
  };
  not_compared(in_all(&LayerRecord::gates), "gates are not recorded in both");
  const bool ranked = std::ranges::all_of(alignment->layers, [](const auto& pair) {
    return pair.first->ranking() != nullptr && pair.second->ranking() != nullptr;
  });
  not_compared(in_all(&LayerRecord::scores) || in_all(&LayerRecord::logits),
               ranked ? "scores: one recording holds scores where the other holds logits"
                      : "scores are not recorded in both");
  not_compared(!first.log_probs.empty() && !second.log_probs.empty(),
               "log-probabilities are not recorded in both");
  judge(outcomes, policy, today, report);
  return report;
}

}  // namespace pastonly::run
