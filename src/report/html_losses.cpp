#include "report/html_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "pastonly/names.h"
#include "report/bars.h"
#include "report/html_charts.h"
#include "report/html_parts.h"
#include "report/html_routers.h"
#include "report/words.h"
#include "routing/rule_ids.h"

namespace pastonly::report {
namespace {

constexpr std::size_t most_bars = 40;
constexpr double shown_span = 0.02;  // bits per token: less is noise, and is drawn so
constexpr std::size_t most_curves = 12;

std::string bits_interval(const Bar& bar) {
  if (!bar.lower || !bar.upper) return fmt::format("{:.4f}", bar.value);
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", bar.value, *bar.lower, *bar.upper);
}

std::string html_bars(const std::string& title, std::vector<Bar> bars, const std::string& unit,
                      std::optional<double> line, std::string_view about, double reach = shown_span) {
  std::erase_if(bars, [](const Bar& bar) { return !std::isfinite(bar.value); });
  if (bars.empty()) return "";
  std::vector<Row> rows{{"", unit}};
  for (const Bar& bar : bars) rows.push_back({bar.name, bits_interval(bar)});
  if (bars.size() > most_bars) bars.resize(most_bars);
  return html_figure(title, about, draw_bars(title, bars, unit, line, reach, html_picture_width), rows);
}

Bar bar_of(std::string name, const Measurement& m) { return {std::move(name), m.value, m.lower, m.upper}; }

const Report::CheckEntry* entry_of(const Report& report, std::string_view id) {
  const auto found = std::ranges::find(report.checks, id, &Report::CheckEntry::id);
  return found == report.checks.end() ? nullptr : &*found;
}

std::string ways_figure(const Report& report) {
  struct Way {
    std::string_view words, loss;
  };
  static constexpr std::array<Way, 5> ways{{{"in order", measurement::loss_in_order},
                                            {"shuffled", measurement::loss_shuffled},
                                            {"nothing after each token", measurement::loss_streaming},
                                            {"plain top-k", measurement::loss_top_k},
                                            {"causal baseline", measurement::loss_twin}}};
  const auto* check = entry_of(report, check_id::loss_anomaly);
  if (check == nullptr) return "";
  std::vector<Bar> bars;
  std::optional<double> source;
  for (const Measurement& m : check->measurements) {
    if (m.name == measurement::source_entropy) source = m.value;
  }
  bool sampled = false;
  for (const Way& way : ways) {
    const auto found = std::ranges::find(check->measurements, way.loss, &Measurement::name);
    if (found == check->measurements.end()) continue;
    bars.push_back(bar_of(std::string(way.words), *found));
    sampled = sampled || way.loss == measurement::loss_streaming;
  }
  return html_bars(
      "Loss by how the same tokens are routed", std::move(bars), "bits per token", source,
      fmt::format("With 95% intervals. The dashed line, where there is one, is what the tokens' source "
                  "allows; a loss in order that lies below others says nothing by itself.{}",
                  sampled ? " Nothing after each token: on a sample of tokens alone, so its difference from "
                            "the first bar is partly that of the tokens; the findings compare the same ones."
                          : ""));
}

std::string sweep_figure(const Report& report) {
  const auto* check = entry_of(report, check_id::forensic_sweep);
  if (check == nullptr) return "";
  const std::string prefix = std::string(measurement::drop) + "[";
  std::vector<Bar> bars;
  for (const Measurement& m : check->measurements) {
    if (m.name.starts_with(prefix))
      bars.push_back(bar_of(m.name.substr(prefix.size(), m.name.size() - prefix.size() - 1), m));
  }
  std::ranges::stable_sort(bars, std::ranges::greater{}, &Bar::value);
  if (bars.empty()) return "";
  const double allowed = report.policy.limits.sweep_bits;
  return html_bars(
      "Forensic sweep: the model under other rules", std::move(bars), "bits per token below a causal rule",
      allowed,
      fmt::format(
          "How far the loss falls below that of a causal rule. Weights that were trained under a leak "
          "lose less under the rule that leaks. The dashed line is what the policy allows, {:g} bits; "
          "bars that stay left of it are no sign of a leak.",
          allowed));
}

/// Of training logs: where the arms end.
std::string ends_figure(const Report& report) {
  const auto* check = entry_of(report, check_id::loss_anomaly);
  if (check == nullptr || report.subject.kind != "logs") return "";
  const std::string prefix = std::string(measurement::final_loss) + "[";
  std::vector<Bar> bars;
  for (const Measurement& m : check->measurements) {
    if (m.name.starts_with(prefix))
      bars.push_back(bar_of(m.name.substr(prefix.size(), m.name.size() - prefix.size() - 1), m));
  }
  return html_bars("Where training ends", std::move(bars), "bits per token", {},
                   "The loss at the end of each arm's logs. Causal routing gives no arm an advantage of its "
                   "own: one that ends clearly below the causal arm may have read later tokens.");
}

std::string curves_figure(const Report::Experiment& experiment) {
  Chart chart;
  chart.kind = Chart::Kind::lines;
  chart.title = "Training loss";
  chart.x = "step";
  chart.y = "bits per token";
  for (const auto& arm : experiment.arms) {
    Chart::Series series;
    series.name = arm.name;
    for (const auto& [step, bits] : arm.curve) {
      if (!std::isfinite(bits)) continue;
      series.x.push_back(static_cast<double>(step));
      series.y.push_back(bits);
    }
    if (!series.x.empty() && chart.series.size() < most_curves) chart.series.push_back(std::move(series));
  }
  return chart.series.empty() ? ""
                              : html_chart(chart, experiment.arms.size() > most_curves
                                                      ? "Of the first 12 arms; the JSON report has all."
                                                      : "As the arm trains, under its own rule.");
}

std::string arms_table(const Report::Experiment& experiment) {
  const auto bits = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.3f}", *value) : "-";
  };
  std::vector<Row> rows{{"arm", "rule", "seed", "loss under it", "leak", "shuffled", "streaming",
                         std::string(routing::ids::top_k), "published floor"}};
  for (const auto& arm : experiment.arms) {
    rows.push_back({arm.name, arm.rule, fmt::format("{}", arm.seed),
                    fmt::format("{:.3f} [{:.3f}, {:.3f}]", arm.loss_bits, arm.lower, arm.upper),
                    arm.leak_bits ? signed_bits(*arm.leak_bits) : "-", bits(arm.evaluated.shuffled),
                    bits(arm.evaluated.streaming), bits(arm.evaluated.top_k),
                    arm.bound ? bits(arm.bound->floor_bits) : "-"});
  }
  return html_table("Arms, losses in bits per token", rows);
}

}  // namespace

std::string html_losses(const Report& report) {
  return ways_figure(report) + sweep_figure(report) + ends_figure(report);
}

std::string html_experiment(const Report& report) {
  if (!report.experiment) return "";
  const auto& experiment = *report.experiment;
  std::vector<Bar> losses, order;
  for (const auto& arm : experiment.arms) {
    losses.push_back({arm.name, arm.loss_bits, arm.lower, arm.upper});
    if (!arm.evaluated.shuffled) continue;
    order.push_back({arm.name + ", in order", arm.evaluated.in_order, {}, {}});
    order.push_back({arm.name + ", shuffled", *arm.evaluated.shuffled, {}, {}});
  }
  std::string out =
      html_paragraph(fmt::format("{} arm{}, trained on {}.", experiment.arms.size(),
                                 experiment.arms.size() == 1 ? "" : "s", experiment.source.name));
  out += html_bars("Loss of each arm", std::move(losses), "bits per token", experiment.source.floor_bits,
                   experiment.source.floor_bits
                       ? "Routed as trained, on tokens drawn after training, with 95% intervals. The dashed "
                         "line is the entropy of the source: no causal model can lie below it."
                       : "Routed as trained, on tokens drawn after training, with 95% intervals.");
  out +=
      html_bars("Shuffled against in order", std::move(order), "bits per token", experiment.source.floor_bits,
                "The same model and rule, on tokens in order and in random order.");
  out += curves_figure(experiment) + arms_table(experiment) + html_routers(experiment);
  std::string charts;
  for (const auto& arm : experiment.arms) {
    if (const std::string of = html_check_charts(arm.checks); !of.empty())
      charts += html_details(arm.name, of);
  }
  return out + charts;
}

}  // namespace pastonly::report
