// Measures what the forensic sweep finds of leaks that training taught a model, and whether the limit that it
// states covers them. Small models are trained on tokens of a known source, where nothing but a leak lowers
// the loss below the source's own: what a model gains under the rule of its training is therefore known. Each
// is audited after several lengths of training, as a checkpoint that declares top-k would be, in batches of
// the shape of its training and of another. Prints tables in Markdown, which docs/checks/forensic-sweep.md
// quotes.
//
//     pastonly_sweep_power [MODELS_PER_ROW [FIRST_SEED]]
//
// Or how often it accuses models that were trained for a short time, under causal rules alone:
//
//     pastonly_sweep_power causal [MODELS_PER_ROW [FIRST_SEED]]

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/policy.h"
#include "stats/interval.h"
#include "stats/parallel.h"
#include "sweep_power/audited_model.h"
#include "sweep_power/rows.h"

using namespace pastonly;
using namespace pastonly::sweep_power;

namespace {

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Audits of one cell, or of one size of leak.
struct Tally {
  std::vector<double> leaks, limits;
  std::size_t found = 0, suspected = 0, too_low = 0, passed = 0, passed_wrongly = 0;

  void add(const Audited& one, const Swept& swept, const Policy& policy) {
    const double allowed = policy.limits.sweep_bits;
    const bool passes = !swept.found && !swept.suspected && swept.limit <= allowed;
    leaks.push_back(one.leak);
    limits.push_back(swept.limit);
    found += swept.found;
    suspected += swept.suspected;
    too_low += swept.limit < one.surely;
    passed += passes;
    passed_wrongly += passes && one.surely > allowed;
  }
};

constexpr double sizes[] = {0.001, 0.003, 0.01, 0.03, 0.1};  // bits per token
constexpr std::size_t size_count = std::size(sizes) + 1;

std::string size_name(std::size_t i) {
  if (i == 0) return fmt::format("below {}", sizes[0]);
  return i + 1 == size_count ? fmt::format("from {}", sizes[i - 1])
                             : fmt::format("{} to {}", sizes[i - 1], sizes[i]);
}

/// What was found in batches of one shape, by the size of the leak.
struct Table {
  Tally causal, untried, by_size[size_count];

  void add(const Row& row, const Audited& one, const Swept& swept, const Policy& policy) {
    const auto size = std::ranges::upper_bound(sizes, one.leak) - std::begin(sizes);
    Tally& kind = row.kind == Row::Kind::causal    ? causal
                  : row.kind == Row::Kind::untried ? untried
                                                   : by_size[size];
    kind.add(one, swept, policy);
  }
  void print(const char* shape, double alpha) const {
    fmt::print(
        "\n| {} | audits | found | suspected | limit | too low | pass | wrongly "
        "|\n|---|---|---|---|---|---|---|---|\n",
        shape);
    const auto line = [](const std::string& name, const Tally& tally) {
      if (tally.leaks.empty()) return;
      fmt::print("| {} | {} | {} | {} | {:.4f} | {} | {} | {} |\n", name, tally.leaks.size(), tally.found,
                 tally.suspected, median(tally.limits), tally.too_low, tally.passed, tally.passed_wrongly);
    };
    line("none: causal rules", causal);
    for (std::size_t i = 0; i < size_count; ++i) line(size_name(i), by_size[i]);
    line("rules that are not tried", untried);
    const auto at_most = stats::clopper_pearson_upper(causal.found, causal.leaks.size(), alpha);
    fmt::print("\nAccused without a leak: {} of {}, at most {:.1f}%.\n", causal.found, causal.leaks.size(),
               100.0 * at_most);
  }
};

/// (models, lengths)
std::vector<std::vector<Audited>> audited(const Row& row, std::span<const std::size_t> lengths,
                                          std::size_t models, std::uint64_t first_seed,
                                          const Policy& policy) {
  std::vector<std::vector<Audited>> done(models);
  stats::parallel_for(
      models, [&](std::size_t i) { done[i] = train_and_audit(row, lengths, first_seed + i, policy); });
  return done;
}

std::string name_of(const Row& row) {
  return fmt::format("`{}`{}", row.rule, row.source.kind == "markov" ? ", Markov" : "");
}

void false_alarms(std::size_t models, std::uint64_t first_seed, const Policy& policy) {
  constexpr std::size_t lengths[] = {20, 50, 100};
  std::size_t audits = 0, accused = 0;
  fmt::print("| trained under | tokens | 20 steps | 50 steps | 100 steps |\n|---|---|---|---|---|\n");
  for (const Row& row : causal_rows()) {
    const auto done = audited(row, lengths, models, first_seed, policy);
    fmt::print("| `{}` | {}", row.rule, pastonly::name(row.source));
    for (std::size_t n = 0; n < std::size(lengths); ++n) {
      std::size_t found = 0, suspected = 0;
      for (const auto& model : done) {
        for (const Swept* swept : {&model[n].same, &model[n].other}) {
          found += swept->found ? 1 : 0;
          suspected += swept->suspected ? 1 : 0;
          ++audits;
        }
      }
      accused += found;
      fmt::print(" | {} + {}", found, suspected);
    }
    fmt::print(" |\n");
  }
  fmt::print("\nAccused without a leak: {} of {}, at most {:.1f}%.\n", accused, audits,
             100.0 * stats::clopper_pearson_upper(accused, audits, policy.alpha));
}

}  // namespace

int main(int argc, char** argv) {
  const bool causal = argc > 1 && std::string_view(argv[1]) == "causal";
  const auto argument = [&](int index, std::uint64_t fallback) {
    index += causal ? 1 : 0;
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : fallback;
  };
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::size_t models = argument(1, causal ? 10 : 5);
  const std::uint64_t first_seed = argument(2, 1);
  const Policy policy;
  if (causal) {
    false_alarms(models, first_seed, policy);
    return 0;
  }
  constexpr std::size_t lengths[] = {50, 150, 500, 1500};
  Table same, other;
  std::string heads, rules;
  for (const std::size_t steps : lengths) {
    heads += fmt::format(" | {} steps", steps);
    rules += "---|";
  }
  fmt::print("| trained under | batch{} |\n|---|---|{}\n", heads, rules);
  for (const Row& row : rows()) {
    const auto done = audited(row, lengths, models, first_seed, policy);
    fmt::print("| {} | {} x {}", name_of(row), row.layout().sequences, row.positions);
    for (std::size_t n = 0; n < std::size(lengths); ++n) {
      Tally cell;
      for (const auto& model : done) {
        cell.add(model[n], model[n].same, policy);
        same.add(row, model[n], model[n].same, policy);
        other.add(row, model[n], model[n].other, policy);
      }
      fmt::print(" | {:+.3f}, {} + {}, {:.3f}", median(cell.leaks), cell.found, cell.suspected,
                 median(cell.limits));
    }
    fmt::print(" |\n");
  }
  same.print("leak, batches as in training", policy.alpha);
  other.print("leak, batches of another shape", policy.alpha);
  return 0;
}
