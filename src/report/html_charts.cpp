#include "report/html_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "pastonly/names.h"
#include "report/health_table.h"
#include "report/html_parts.h"

namespace pastonly::report {
namespace {

using Series = Chart::Series;

void add_point(Series& series, double x, const Measurement& m) {
  series.x.push_back(x);
  series.y.push_back(m.value);
  series.lower.push_back(m.lower.value_or(m.value));
  series.upper.push_back(m.upper.value_or(m.value));
}

/// Without points, and intervals that are none, it is left out.
void add_series(Chart& chart, Series series) {
  if (series.x.empty()) return;
  if (series.lower == series.y && series.upper == series.y) series.lower = series.upper = {};
  chart.series.push_back(std::move(series));
}

Chart line_chart(std::string title, std::string x, std::string y) {
  Chart chart;
  chart.kind = Chart::Kind::lines;
  chart.title = std::move(title);
  chart.x = std::move(x);
  chart.y = std::move(y);
  return chart;
}

std::string drawn(const Chart& chart, std::string_view about) {
  return chart.series.empty() ? "" : html_chart(chart, about);
}

/// A measurement of every layer as a line.
Series by_layer(const Report& report, std::string_view check, std::string_view name, std::string told) {
  Series series;
  series.name = std::move(told);
  for (const auto& entry : report.checks) {
    if (entry.id != check) continue;
    for (const Measurement& m : entry.measurements) {
      if (m.name == name && m.layer && std::isfinite(m.value)) add_point(series, raw(*m.layer), m);
    }
  }
  return series;
}

Series bound_line(const Report& report, std::string told, std::optional<double> LayerFacts::Bound::*which) {
  Series series;
  series.name = std::move(told);
  for (const auto& layer : report.layers) {
    if (!layer.facts.bound || !((*layer.facts.bound).*which)) continue;
    series.x.push_back(layer.index);
    series.y.push_back(*((*layer.facts.bound).*which));
  }
  return series;
}

std::string leak_figure(const Report& report) {
  std::map<std::string, Series> leaks;  // by unit
  for (const auto& layer : report.layers) {
    if (!layer.facts.leak) continue;
    const auto& leak = *layer.facts.leak;
    Series& series = leaks[leak.unit];
    series.name = "leak, " + leak.unit;
    Measurement m;
    m.value = leak.bits;
    m.lower = leak.lower;
    m.upper = leak.upper;
    add_point(series, layer.index, m);
  }
  const bool measured = !leaks.empty();
  Chart chart = line_chart(
      measured ? "Leak by layer, against what routing could carry" : "What routing could carry, by layer",
      "layer", "bits");
  for (auto& [unit, series] : leaks) add_series(chart, std::move(series));
  add_series(chart, bound_line(report, "floor (published), bits per token", &LayerFacts::Bound::floor_bits));
  add_series(chart,
             bound_line(report, "capacity at the chunk, bits per token", &LayerFacts::Bound::capacity_bits));
  add_series(chart,
             bound_line(report, "limit of long chunks, bits per token", &LayerFacts::Bound::limit_bits));
  return drawn(chart,
               fmt::format("Floor, capacity and limit: bits that one token's mask could carry about later "
                           "tokens if experts of these shapes chose their tokens. {}",
                           measured ? "A band reaches from the certified lower end of an estimate to its "
                                      "upper end."
                                    : "How much this routing does carry was not measured."));
}

/// At most six layers, spread evenly.
bool is_spread(std::size_t index, std::size_t count) {
  constexpr std::size_t most = 6;
  if (count <= most) return true;
  for (std::size_t i = 0; i < most; ++i) {
    if (index == i * (count - 1) / (most - 1)) return true;
  }
  return false;
}

/// Of "name[SIZE]": a line over the sizes for each layer, or one for all.
Chart by_chunk(const Report& report, std::string_view name, std::string title, std::string y) {
  std::map<std::optional<LayerIndex>, std::map<double, Measurement>> layers;
  const std::string prefix = std::string(name) + "[";
  for (const auto& entry : report.checks) {
    for (const Measurement& m : entry.measurements) {
      if (!m.name.starts_with(prefix) || !m.name.ends_with("]") || !std::isfinite(m.value)) continue;
      std::uint64_t size = 0;
      const auto [end, error] =
          std::from_chars(m.name.data() + prefix.size(), m.name.data() + m.name.size(), size);
      if (error == std::errc() && *end == ']') layers[m.layer].emplace(static_cast<double>(size), m);
    }
  }
  Chart chart = line_chart(std::move(title), "chunk size", std::move(y));
  std::size_t index = 0;
  for (const auto& [layer, points] : layers) {
    if (!is_spread(index++, layers.size())) continue;
    Series series;
    series.name = layer ? fmt::format("layer {}", raw(*layer)) : "all layers";
    for (const auto& [size, m] : points) add_point(series, size, m);
    add_series(chart, std::move(series));
  }
  return chart;
}

/// For sections of their own.
std::string charts_of_check(const Report& report, std::string_view id) {
  std::string out;
  for (const auto& check : report.checks) {
    if (check.id != id) continue;
    for (Chart chart : check.charts) {
      if (!chart.title.empty())
        chart.title.front() =
            static_cast<char>(std::toupper(static_cast<unsigned char>(chart.title.front())));
      out += html_chart(chart, "");
    }
  }
  return out;
}

}  // namespace

std::string html_layer_figures(const Report& report) {
  Chart flips = line_chart("Decisions that changed when later tokens were redrawn", "layer", "share");
  add_series(flips, by_layer(report, check_id::causal_mask, measurement::flip_rate_decisions, "decisions"));
  return leak_figure(report) +
         drawn(flips, "Share of the decisions before the cut. A causal layer stands at 0.");
}

std::string html_replay_figures(const Report& report) {
  Chart streaming = line_chart("Decisions that streaming would change", "layer", "share");
  for (const auto& check : report.checks) {
    add_series(streaming, by_layer(report, check.id, measurement::streaming_flip_rate, "rule applied again"));
    add_series(streaming,
               by_layer(report, check.id, measurement::stream_flip_rate_decisions, "run of its own"));
    add_series(streaming, by_layer(report, check.id, measurement::shuffled_flip_rate, "tokens shuffled"));
  }
  return drawn(
             by_chunk(report, measurement::rechunked_flip_rate, "Decisions under other chunk sizes",
                      "share that differs"),
             "The identified rule, applied again to the recorded scores with another chunk size. A rule that "
             "chooses within a token changes nothing.") +
         drawn(by_chunk(report, measurement::rechunked_loss_change, "Loss under other chunk sizes",
                        "bits per token, against the recorded size"),
               "The model, run again with another chunk size; bands are 95% intervals. Below 0: the loss "
               "falls.") +
         drawn(streaming,
               "Against the recorded decisions: when a token is routed with nothing after it, and when all "
               "tokens are "
               "shuffled.");
}

std::string html_agreement_figures(const Report& report) {
  Chart kept = line_chart("Routes that both make", "layer", "share");
  add_series(kept, by_layer(report, check_id::same_routes, measurement::routes_kept, "routes kept"));
  add_series(kept, by_layer(report, check_id::same_routes, measurement::routes_by_chance, "by chance"));
  Chart differ = line_chart("Tokens that differ", "layer", "share of tokens");
  add_series(differ, by_layer(report, check_id::same_routes, measurement::differing_tokens, "other experts"));
  add_series(differ, by_layer(report, check_id::same_routes, measurement::near_ties, "at near ties alone"));
  add_series(differ, by_layer(report, check_id::same_routes, measurement::differing_gates, "other gates"));
  Chart scores = line_chart("Distance between scores", "layer", "total variation");
  add_series(scores, by_layer(report, check_id::same_routes, measurement::score_drift, "scores"));
  return drawn(kept,
               "Of the first recording's routes; by chance: what the loads of the experts alone predict.") +
         drawn(differ, "Other gates: of tokens with the same experts.") +
         drawn(scores,
               "Mean over tokens, 0 to 1. Where scores agree and routes do not, the selection differs.") +
         charts_of_check(report, check_id::same_routes);
}

std::string html_influence(const Report& report) { return charts_of_check(report, check_id::causal_mask); }

std::string html_health(const Report& report) {
  std::vector<Report::CheckEntry> others = report.checks;
  std::erase_if(others, [](const auto& check) {
    return check.id == check_id::causal_mask || check.id == check_id::same_routes;
  });
  return html_table("Router health, over the layers", health_rows(report)) + html_check_charts(others);
}

std::string html_check_charts(const std::vector<Report::CheckEntry>& checks) {
  std::string out;
  for (const auto& check : checks) {
    for (const Chart& chart : check.charts) {
      Chart named = chart;
      named.title = fmt::format("{}: {}", check.id, chart.title);
      out += html_chart(named, "");
    }
  }
  return out;
}

std::string html_coverage_figure(const Report& report) {
  if (!report.detection_limit || report.detection_limit->coverage.map.empty()) return "";
  const Coverage& seen = report.detection_limit->coverage;
  Chart chart;
  chart.title = "What the trials covered";
  chart.x = "distance to a redrawn token, at least";
  chart.y = "decisions at, by part of the row";
  chart.unit = "of pairs";
  const std::size_t columns = seen.map.front().size();
  for (std::size_t c = 0; c < columns; ++c)
    chart.columns.push_back(fmt::format("{}", std::uint64_t{1} << std::min<std::size_t>(c, 63)));
  for (std::size_t r = 0; r < seen.map.size(); ++r) {
    chart.rows.push_back(fmt::format("{}/{}", r + 1, seen.map.size()));
    for (std::size_t c = 0; c < columns; ++c) {
      const double share = c < seen.map[r].size() ? seen.map[r][c] : -1.0;
      chart.values.push_back(share < 0.0 ? std::numeric_limits<double>::quiet_NaN() : share);
    }
  }
  return html_chart(
      chart,
      "Share of the pairs of a decision and a later token of which the decision was compared while the token "
      "was redrawn. Empty: a row holds no such pair.");
}

}  // namespace pastonly::report
