#include "run/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace pastonly::run {
namespace {

/// One of the two runs that a witness names, and the token it points at.
struct Place {
  Trace trace;
  std::size_t row = 0;
  std::size_t position = 0;
  std::size_t token() const { return trace.layout.token(row, position); }
};

std::optional<std::size_t> count(const Value& witness, const char* key) {
  constexpr double most = 0x1p53;  // beyond it a double names no single whole number
  const auto value = witness.number(key);
  if (!value || !(*value >= 0.0 && *value <= most) || *value != std::floor(*value)) return std::nullopt;
  return static_cast<std::size_t>(*value);
}

/// Token ids of a run: its own, or those of the plan's input beside it.
std::vector<std::int64_t> tokens_of(const Trace& trace) {
  if (!trace.tokens.empty()) return trace.tokens;
  std::string path = trace.path;
  const std::size_t at = path.rfind(".out.");
  if (at == std::string::npos) return {};
  const auto file = input::read_tokens(path.replace(at, 5, ".in."));
  return file && file->layout.sequences == trace.layout.sequences &&
                 file->layout.positions == trace.layout.positions
             ? file->tokens
             : std::vector<std::int64_t>{};
}

Expected<Place> place_of(const Value& witness, const char* file, std::size_t row, std::size_t position,
                         const Report& report, const input::TraceOptions& options) {
  const std::string path = witness.text_or(file, "");
  const bool named = std::ranges::count(report.subject.files, path, &FileRecord::path) > 0;
  if (!named) return input_error(fmt::format("names a file that the report does not list: {}", path));
  auto trace = input::read_trace(path, options);
  if (!trace) return tl::unexpected(trace.error());
  if (row >= trace->layout.sequences || position >= trace->layout.positions) {
    return input_error(fmt::format("row {}, position {} are outside {}", row, position, path));
  }
  return Place{*std::move(trace), row, position};
}

const LayerRecord* layer_of(const Place& place, const Value& witness) {
  const auto index = count(witness, "layer");
  for (const LayerRecord& layer : place.trace.layers) {
    if (index && raw(layer.index) == *index) return &layer;
  }
  return nullptr;
}

/// "" where the token and everything before it in its sequence is the same in both runs.
std::string shared_past(const Place& base, const Place& run) {
  const auto before = tokens_of(base.trace), after = tokens_of(run.trace);
  if (before.empty() || after.empty()) return "";  // not recorded: the plan's word stands
  for (std::size_t position = 0; position <= base.position; ++position) {
    if (before[base.trace.layout.token(base.row, position)] !=
        after[run.trace.layout.token(run.row, position)]) {
      return fmt::format("the inputs already differ at position {}", position);
    }
  }
  return "";
}

std::string differs(const char* what, double stated, double found) {
  if (stated == found || std::abs(stated - found) <= 1e-6 * std::max(std::abs(stated), std::abs(found)))
    return "";
  return fmt::format("{}: stated {:.9g}, found {:.9g}", what, stated, found);
}

std::optional<double> scored(const TokenTensor* tensor, std::size_t token, std::size_t column) {
  if (tensor == nullptr || column >= tensor->columns) return std::nullopt;
  std::vector<float> scratch;
  return double{read_floats(*tensor, token, 1, scratch)(0, column)};
}

std::string check_flip(const Value& witness, const Place& base, const Place& run) {
  const LayerRecord* before = layer_of(base, witness);
  const LayerRecord* after = layer_of(run, witness);
  const auto expert = count(witness, "expert");
  if (before == nullptr || after == nullptr || !expert || *expert >= before->experts ||
      *expert >= after->experts) {
    return "the files have no such layer or expert";
  }
  const auto decision = [&](const LayerRecord& layer, const Place& place) {
    std::vector<std::uint8_t> row(layer.experts);  // (experts)
    read_mask(layer, place.token(), 1, row);
    return row[*expert] != 0 ? 1.0 : 0.0;
  };
  const double found_before = decision(*before, base), found_after = decision(*after, run);
  for (auto& problem : {differs("decision before", witness.number("before").value_or(-1.0), found_before),
                        differs("decision after", witness.number("after").value_or(-1.0), found_after)}) {
    if (!problem.empty()) return problem;
  }
  if (found_before == found_after) return "the decision is the same in both runs";
  for (const auto& [key, layer, place] :
       {std::tuple("score_before", before, &base), std::tuple("score_after", after, &run)}) {
    const auto stated = witness.number(key);
    const auto found = scored(layer->ranking(), place->token(), *expert);
    if (stated && (!found || !differs(key, *stated, *found).empty())) {
      return found ? differs(key, *stated, *found) : fmt::format("{}: no scores recorded", key);
    }
  }
  return "";
}

std::optional<double> changed_value(const Value& witness, const Place& place) {
  const std::string tensor = witness.text_or("tensor", "");
  if (tensor == "logprobs") {
    if (place.trace.log_probs.empty()) return std::nullopt;
    return place.trace.log_probs[place.token()];
  }
  if (tensor == "predictions") {
    const auto probe = count(witness, "probe");
    if (!probe || *probe >= place.trace.probes) return std::nullopt;
    return double{place.trace.predictions[place.token() * place.trace.probes + *probe]};
  }
  const LayerRecord* layer = layer_of(place, witness);
  const auto expert = count(witness, "expert");
  if (layer == nullptr || !expert || *expert >= layer->experts) return std::nullopt;
  if (tensor == "scores") return scored(layer->ranking(), place.token(), *expert);
  if (tensor != "gates" || !layer->gates) return std::nullopt;
  std::vector<float> gates(layer->experts);  // (experts)
  read_gates(*layer, place.token(), 1, gates);
  return double{gates[*expert]};
}

std::string check_change(const Value& witness, const Place& base, const Place& run) {
  const auto before = changed_value(witness, base), after = changed_value(witness, run);
  const auto stated_before = witness.number("before"), stated_after = witness.number("after");
  if (!before || !after || !stated_before || !stated_after)
    return "the files do not contain what it refers to";
  for (auto& problem :
       {differs("before", *stated_before, *before), differs("after", *stated_after, *after)}) {
    if (!problem.empty()) return problem;
  }
  if (std::abs(*before - *after) <= witness.number("tolerance").value_or(0.0))
    return "the change is within tolerance";
  return "";
}

std::string check(const Value& witness, const Report& report, const input::TraceOptions& options) {
  const auto row = count(witness, "row"), position = count(witness, "position");
  if (!row || !position) return "it names no row and position";
  const std::size_t run_row = count(witness, "run_row").value_or(*row);
  const auto base = place_of(witness, "base", *row, *position, report, options);
  if (!base) return base.error().message;
  const auto run = place_of(witness, "run", run_row, *position, report, options);
  if (!run) return run.error().message;
  if (auto problem = shared_past(*base, *run); !problem.empty()) return problem;
  return witness.text_or("type", "") == "flip" ? check_flip(witness, *base, *run)
                                               : check_change(witness, *base, *run);
}

}  // namespace

std::vector<Statement> recheck_witnesses(const Report& report, const input::TraceOptions& options) {
  std::vector<Statement> held;
  for (const auto& finding : report.findings) {
    const std::string type = finding.witness.text_or("type", "");
    if (type != "flip" && type != "change") continue;
    const std::string problem = check(finding.witness, report, options);
    held.push_back(
        {fmt::format("witness of {}/{}: run {}, layer {}, row {}, position {}", finding.check, finding.claim,
                     count(finding.witness, "run_id").value_or(0),
                     count(finding.witness, "layer").value_or(0), count(finding.witness, "row").value_or(0),
                     count(finding.witness, "position").value_or(0)),
         problem.empty(), problem});
  }
  return held;
}

}  // namespace pastonly::run
