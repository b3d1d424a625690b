#include "integrity/run_consistency.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "input/trace/declared_rule.h"
#include "integrity/token_changes.h"

namespace pastonly::integrity {

namespace {

using Kind = Intervention::Kind;

std::string shape_text(const Layout& layout) {
  return fmt::format("({}, {})", layout.sequences, layout.positions);
}

/// Loading left out tokens that no layer routed (placeholder_rows.h).
bool holds_placeholders(const Trace& trace) {
  return std::ranges::any_of(trace.issues,
                             [](const auto& issue) { return issue.id == "placeholder-tokens"; });
}

/// Compares the first `positions` of two sequences: "" or where they differ. A trace without tokens
/// has nothing to compare.
std::string compare_row(const Trace& output, std::size_t row, const Trace& base, std::size_t base_row,
                        std::size_t positions) {
  for (std::size_t position = 0; position < positions; ++position) {
    const std::size_t at = output.layout.token(row, position), was = base.layout.token(base_row, position);
    if (!output.tokens.empty() && !base.tokens.empty() && output.tokens[at] != base.tokens[was]) {
      return fmt::format("token at row {}, position {} is {}, expected {} as in row {} of its base", row,
                         position, output.tokens[at], base.tokens[was], base_row);
    }
    const bool valid = output.is_valid(at);
    const bool was_valid = base.is_valid(was);
    if (valid != was_valid) {
      return fmt::format("'valid' at row {}, position {} differs from row {} of its base", row, position,
                         base_row);
    }
  }
  return "";
}

/// Every row against a row of the base, as far as `kept(row)` says; "" or the first difference.
template <class BaseRow, class Kept>
std::string compare_rows(const Trace& output, const Trace& base, BaseRow base_row, Kept kept) {
  for (std::size_t row = 0; row < output.layout.sequences; ++row) {
    auto why = compare_row(output, row, base, base_row(row), kept(row));
    if (!why.empty()) return why;
  }
  return "";
}

bool among(const std::vector<std::size_t>& ascending, std::size_t value) {
  return std::binary_search(ascending.begin(), ascending.end(), value);
}

std::string check_rows(const std::vector<std::size_t>& rows, std::size_t sequences, std::string_view key) {
  if (rows.empty() || rows.back() < sequences) return "";
  return fmt::format("'{}' names row {} of {} sequences", key, rows.back(), sequences);
}

std::string check_suffix(const Intervention& run, const Trace& output, const Trace& base) {
  const std::size_t positions = output.layout.positions;
  if (run.cuts.empty() && run.cut >= positions)
    return fmt::format("'cut' {} is not before the end of its {} positions", run.cut, positions);
  for (const std::size_t cut : run.cuts) {
    if (cut >= positions)
      return fmt::format("'cuts': {} is not before the end of its {} positions", cut, positions);
  }
  if (auto why = check_rows(run.rows, output.layout.sequences, "rows"); !why.empty()) return why;
  return compare_rows(
      output, base, [](std::size_t row) { return row; },
      [&](std::size_t row) { return cut_of(run, row).value_or(positions); });
}

std::string check_batch(const Intervention& run, const Trace& output, const Trace& base) {
  if (auto why = check_rows(run.keep, output.layout.sequences, "keep"); !why.empty()) return why;
  return compare_rows(
      output, base, [](std::size_t row) { return row; },
      [&](std::size_t row) { return among(run.keep, row) ? output.layout.positions : 0; });
}

std::string check_order(const Intervention& run, const Trace& output, const Trace& base) {
  if (run.permutation.size() != output.layout.sequences) {
    return fmt::format("'permutation' orders {} rows of {} sequences", run.permutation.size(),
                       output.layout.sequences);
  }
  return compare_rows(
      output, base, [&](std::size_t row) { return run.permutation[row]; },
      [&](std::size_t) { return output.layout.positions; });
}

/// The tokens are the base's; which of them were run is for `valid` to say.
std::string check_stream(const Intervention& run, const Trace& output, const Trace& base) {
  if (auto why = check_rows(run.rows, output.layout.sequences, "rows"); !why.empty()) return why;
  return output.tokens == base.tokens || output.tokens.empty() || base.tokens.empty()
             ? ""
             : "tokens differ from its base's; a stream run must have the same tokens";
}

std::string check_shape(const Intervention& run, const Trace& output, const Trace& base) {
  Layout expected = base.layout;
  if (run.kind == Kind::length &&
      __builtin_add_overflow(expected.positions, run.append, &expected.positions)) {
    return fmt::format("'append' {} is too large", run.append);
  }
  if (output.layout == expected) return "";
  if (output.layout.order != expected.order) return "'layout' differs from its base";
  return fmt::format("shape {} of a run of kind {}, expected {}", shape_text(output.layout), name(run.kind),
                     shape_text(expected));
}

std::string check_layers(const Trace& output, const Trace& base) {
  if (output.layers.size() != base.layers.size()) {
    return fmt::format("{} layers, its base has {}", output.layers.size(), base.layers.size());
  }
  for (std::size_t i = 0; i < base.layers.size(); ++i) {
    const LayerRecord &layer = output.layers[i], &was = base.layers[i];
    if (layer.index != was.index) {
      return fmt::format("layer {} stands where its base has layer {}", raw(layer.index), raw(was.index));
    }
    if (layer.experts != was.experts) {
      return fmt::format("layer {} has {} experts, {} in its base", raw(layer.index), layer.experts,
                         was.experts);
    }
    const auto same = [&](std::string_view kind, bool has, bool had) {
      return has == had ? std::string()
                        : fmt::format("layer {} {} '{}', unlike its base", raw(layer.index),
                                      has ? "holds" : "lacks", kind);
    };
    for (const auto& why : {same("scores", layer.scores.has_value(), was.scores.has_value()),
                            same("logits", layer.logits.has_value(), was.logits.has_value()),
                            same("gates", layer.gates.has_value(), was.gates.has_value())}) {
      if (!why.empty()) return why;
    }
  }
  return "";
}

/// Parameters may move between runs, as a bias does in training; what rule it is may not.
std::string check_declared(const Trace& output, const Trace& base) {
  if (output.rule.empty() || base.rule.empty() || output.rule == base.rule) return "";
  const auto rule = input::declared_rule(output), was = input::declared_rule(base);
  if (!rule || !was || rule->id == was->id) return "";
  return fmt::format("declares the rule {}, its base {}", rule->id, was->id);
}

/// `streamed`: each token was run alone, and not every model can say what it gives to the one after it.
std::string check_statements(const Trace& output, const Trace& base, bool streamed = false) {
  if (output.mode != base.mode)
    return fmt::format("mode {}, its base says {}", name(output.mode), name(base.mode));
  if (output.stage != base.stage) {
    return fmt::format("stage {}, its base says {}", name(output.stage), name(base.stage));
  }
  if (output.vocab != base.vocab) return "'vocab' differs from its base";
  if (output.compute != base.compute) return "'compute' differs from its base";
  if (output.order_known != base.order_known)
    return "one of run and base states its 'layout', the other does not";
  const bool untold = streamed && output.log_probs.empty();
  if (output.log_probs.empty() != base.log_probs.empty() && !untold)
    return "one of run and base holds 'logprobs', the other does not";
  if (output.probes != base.probes)
    return fmt::format("'predictions' has {} numbers a position, its base {}", output.probes, base.probes);
  return check_layers(output, base);
}

}  // namespace

std::string contradicts_input(const Trace& output, const input::TokensFile& input) {
  const Layout &out = output.layout, &in = input.layout;
  const bool fits = out.positions == in.positions || out.positions + 1 == in.positions;
  if (out.sequences != in.sequences || !fits) {
    return fmt::format("shape {}, its input has {}", shape_text(out), shape_text(in));
  }
  for (std::size_t row = 0; row < out.sequences; ++row) {
    for (std::size_t position = 0; position < out.positions; ++position) {
      const auto token = output.tokens.empty() ? input.tokens[in.token(row, position)]
                                               : output.tokens[out.token(row, position)];
      if (token != input.tokens[in.token(row, position)]) {
        return fmt::format("tensor 'tokens': {} at row {}, position {}, its input has {}", token, row,
                           position, input.tokens[in.token(row, position)]);
      }
      const bool valid = output.is_valid(out.token(row, position));
      const bool given = is_valid(input.valid, in.token(row, position));
      const bool left_out = given && !valid && holds_placeholders(output);
      if (!output.valid.empty() && valid != given && !left_out) {
        return fmt::format("tensor 'valid' differs from its input at row {}, position {}", row, position);
      }
    }
  }
  return "";
}

std::string contradicts_other_base(const Trace& output, const Trace& first) {
  if (auto why = check_statements(output, first); !why.empty()) return why;
  return check_declared(output, first);
}

std::string contradicts_base(const Intervention& run, const Trace& output, const Trace& base) {
  if (auto why = check_shape(run, output, base); !why.empty()) return why;
  if (auto why = check_statements(output, base, run.kind == Kind::stream); !why.empty()) return why;
  if (run.kind != Kind::reroute) {
    if (auto why = check_declared(output, base); !why.empty()) return why;
  }
  switch (run.kind) {
    case Kind::suffix:
      return check_suffix(run, output, base);
    case Kind::batch:
      return check_batch(run, output, base);
    case Kind::order:
      return check_order(run, output, base);
    case Kind::base:
      return "";
    case Kind::length:
    case Kind::repeat:
    case Kind::redraw:
    case Kind::shuffle:
    case Kind::reroute:
    case Kind::foreign_batch:
      break;
    case Kind::stream:
      return check_stream(run, output, base);
  }
  return compare_rows(
      output, base, [](std::size_t row) { return row; }, [&](std::size_t) { return base.layout.positions; });
}

std::optional<TraceIssue> unchanged_run(const Intervention& run, const Trace& output, const Trace& base) {
  const bool redraws = run.kind == Kind::suffix || run.kind == Kind::batch || run.kind == Kind::order ||
                       run.kind == Kind::length;
  if (!redraws || changes_tokens(base, output)) return std::nullopt;
  return TraceIssue{TraceIssue::Kind::oddity, fmt::format("{}-unchanged", name(run.kind)),
                    fmt::format("{}: the tokens of run {} equal those of its base, so it tests nothing",
                                output.path, run.id),
                    std::nullopt, 1};
}

}  // namespace pastonly::integrity
