#include "session/checkpoint_subject.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "checkpoint/gguf.h"
#include "checkpoint/non_finite.h"
#include "checkpoint/runnable.h"
#include "pastonly/names.h"
#include "routing/parameter_values.h"
#include "session/drawn_tokens.h"
#include "session/text_tokens.h"
#include "stats/interval.h"
#include "subjects/live_model.h"

namespace pastonly::session {
namespace {

constexpr double plan_work = 0x1p42;    // multiplications that the plan may cost, about
constexpr double budget_work = 0x1p43;  // and one check beyond it
constexpr double plan_runs = 40.0;

/// What config.json says and nobody heeds. `twin`: it is the causal baseline's.
void add_issues(const checkpoint::Checkpoint& checkpoint, bool twin, std::vector<TraceIssue>& out) {
  const checkpoint::Description& description = checkpoint.description();
  const auto add = [&](std::string_view id, std::string message) {
    out.push_back({TraceIssue::Kind::oddity,
                   fmt::format("{}{}", twin ? "twin-" : "", id),
                   fmt::format("{} {}", checkpoint.config().string(), message),
                   {},
                   0});
  };
  if (!description.own_code.empty())
    add(claim::own_code,
        fmt::format(
            "names code of its own (auto_map: {}), which pastonly does not run: audited is {} as "
            "transformers computes it. The report says nothing of the model that trust_remote_code loads",
            description.own_code, description.model_type));
  if (!description.named.empty())
    add("run-as",
        description.renamed
            ? fmt::format("says model_type {}: it is run as {}, which it equals but for the name",
                          description.named, description.model_type)
            : fmt::format("says {} {}: it is run as {}, as --as says. Its tensors and keys are "
                          "those of that family; whether its code is, nobody has compared here",
                          checkpoint::is_gguf(checkpoint.config()) ? "general.architecture" : "model_type",
                          description.named, description.model_type));
  if (!description.part_of.empty())
    add("text-part", fmt::format("describes a {}: its text part alone ({}) is run, on text, and audited",
                                 description.part_of, description.model_type));
  if (description.training_layers > 0)
    add("skipped-layers",
        fmt::format("has {} layer{} beyond the last that predict{} further tokens in training: not run, and "
                    "not audited",
                    description.training_layers, description.training_layers == 1 ? "" : "s",
                    description.training_layers == 1 ? "s" : ""));
  if (!description.unread.empty())
    add("unread-keys", fmt::format("has keys that pastonly does not read, as if they were not there: {}",
                                   fmt::join(description.unread, ", ")));
  for (std::size_t i = 0; i < checkpoint.oddities().size(); ++i)
    out.push_back({TraceIssue::Kind::oddity,
                   fmt::format("{}weights-{}", twin ? "twin-" : "", i),
                   fmt::format("{} {}", checkpoint.name(), checkpoint.oddities()[i]),
                   {},
                   0});
}

/// Weights that one token passes.
double active_weights(const checkpoint::Description& description) {
  const auto& attention = description.attention;
  const auto width = static_cast<double>(description.width);
  const auto heads =
      static_cast<double>(attention.heads * (2 * attention.key_width + 2 * attention.value_width));
  const auto k = static_cast<double>(routing::top_k_of(description.router.rule.parameters).value_or(1));
  const auto inner = k * static_cast<double>(description.expert.width) +
                     static_cast<double>(description.expert.shared_width);
  return static_cast<double>(description.layers.size()) * width * (heads + 3.0 * inner) +
         width * static_cast<double>(description.vocab);
}

/// Eight rows of 128, fewer and shorter where the plan would take too long.
Layout layout_of(const checkpoint::Description& description, const AuditRequest& request) {
  Layout layout{8, std::min<std::size_t>(128, description.max_positions)};
  const double most = plan_work / (plan_runs * active_weights(description));
  while (layout.sequences > 2 && static_cast<double>(layout.tokens()) > most) layout.sequences /= 2;
  if (static_cast<double>(layout.tokens()) > most)
    layout.positions = std::min<std::size_t>(64, layout.positions);
  if (request.checkpoint.positions > 0) layout.positions = request.checkpoint.positions;
  if (request.options.batch) layout.sequences = *request.options.batch;
  if (request.options.order) layout.order = *request.options.order;
  return layout;
}

/// The twin, routed as its configuration declares. Input errors: it is no checkpoint. Usage errors: it is the
/// model itself, or reads other tokens.
Expected<checkpoint::Checkpoint> open_causal_baseline(const CheckpointOptions& options,
                                                      const std::string& subject,
                                                      const checkpoint::Description& description) {
  CheckpointOptions as_declared = options;
  as_declared.rule.clear();
  as_declared.family.clear();
  std::error_code ignored;
  if (std::filesystem::equivalent(options.causal_baseline, subject, ignored))
    return usage_error(
        fmt::format("--twin {}: is the audited checkpoint itself; the causal baseline must be another model",
                    options.causal_baseline));
  if (!is_checkpoint(options.causal_baseline))
    return input_error(fmt::format(
        "--twin {}: holds no config.json and is no GGUF file; the causal baseline must be a checkpoint",
        options.causal_baseline));
  auto causal_baseline = open_directory(options.causal_baseline, as_declared);
  if (causal_baseline && causal_baseline->description().vocab != description.vocab) {
    return usage_error(fmt::format(
        "--twin {}: its vocabulary has {} tokens, the checkpoint's {}; both must read the same tokens",
        options.causal_baseline, causal_baseline->description().vocab, description.vocab));
  }
  return causal_baseline;
}

Expected<void> check_options(const AuditRequest& request) {
  const input::TraceOptions& options = request.options;
  if (!request.checkpoint.text.empty() && !request.checkpoint.tokens.empty())
    return usage_error("--text and --tokens both say what the checkpoint is run on; give one");
  if (!options.shape.empty() || options.mode || options.stage || options.compute || options.top_k ||
      options.experts || !options.map.empty())
    return usage_error(
        fmt::format("{} is a checkpoint: --shape, --mode, --stage, --compute, --top-k, --experts and --map "
                    "are for recorded "
                    "files",
                    request.subject));
  return {};
}

}  // namespace

Expected<checkpoint::Checkpoint> open_directory(const std::string& path, const CheckpointOptions& options) {
  std::optional<RuleSpec> rule;
  if (!options.rule.empty()) {
    auto spec = parse_rule(options.rule);
    if (!spec) return tl::unexpected(spec.error());
    rule = *std::move(spec);
  }
  using checkpoint::Precision;
  auto opened = checkpoint::Checkpoint::open(
      path, rule, options.precision == "bfloat16" ? Precision::bfloat16 : Precision::float32, options.family);
  if (!opened) return opened;
  // Of all experts: those that these tokens pass by are released with the others.
  auto odd = checkpoint::check_weights(opened->weights(), opened->description().quantisation);
  if (!odd) return tl::unexpected(odd.error());
  constexpr std::size_t shown = 3;
  for (std::size_t i = 0; i < std::min(shown, odd->size()); ++i) {
    const std::string more = i + 1 == shown && odd->size() > shown
                                 ? fmt::format(", and so do {} more tensors", odd->size() - shown)
                                 : "";
    opened->add_oddity((*odd)[i] + more);
  }
  return opened;
}

Expected<CheckpointSubject> open_checkpoint(const AuditRequest& request, Policy& policy) {
  if (auto good = check_options(request); !good) return tl::unexpected(good.error());
  auto opened = open_directory(request.subject, request.checkpoint);
  if (!opened) return tl::unexpected(opened.error());
  if (const std::size_t known = opened->description().max_positions; request.checkpoint.positions > known)
    return usage_error(fmt::format("--positions {}: {} was made for {} (max_position_embeddings)",
                                   request.checkpoint.positions, request.subject, known));
  CheckpointSubject out;
  out.checkpoint = std::make_unique<checkpoint::Checkpoint>(*std::move(opened));
  const checkpoint::Description& description = out.checkpoint->description();
  subjects::LiveOptions live;
  live.kind = "checkpoint";
  live.name = request.subject;
  live.longest = description.longest;
  live.layout = layout_of(description, request);
  live.explicit_batch = request.options.batch.has_value();
  // What a configuration declares is how the model is served; only who trained it knows the other rule.
  live.mode = request.checkpoint.rule.empty() ? Mode::eval : Mode::train;
  live.seed = request.seed;
  if (const double limit = request.checkpoint.limit; limit > 0.0)
    live.trials = {stats::trials_for(limit, policy.alpha), true};
  live.budget =
      request.checkpoint.budget > 0
          ? request.checkpoint.budget
          : static_cast<std::uint64_t>(std::clamp(budget_work / active_weights(description), 0x1p12, 0x1p18));
  live.files = out.checkpoint->files();
  live.special_tokens = description.special_tokens;
  add_issues(*out.checkpoint, false, live.issues);
  const std::string& text = request.checkpoint.text;
  auto draw = text.empty() ? drawn_tokens(request.checkpoint.tokens, description.vocab, live.layout.positions,
                                          "the checkpoint", policy)
                           : text_tokens(request.subject, text, description.vocab, live.layout.positions);
  if (!draw) return tl::unexpected(draw.error());
  for (FileRecord& file : text_files(request.subject, text)) live.files.push_back(std::move(file));
  if (text.empty() && request.checkpoint.tokens.empty()) live.drawn_from = policy.source;
  if (!request.checkpoint.causal_baseline.empty()) {
    auto causal_baseline = open_causal_baseline(request.checkpoint, request.subject, description);
    if (!causal_baseline) return tl::unexpected(causal_baseline.error());
    out.causal_baseline = std::make_unique<checkpoint::Checkpoint>(*std::move(causal_baseline));
    subjects::LiveOptions as_served = live;
    as_served.name = request.checkpoint.causal_baseline;
    as_served.mode = Mode::eval;
    as_served.issues.clear();
    auto subject = subjects::make_live(checkpoint::make_runnable(*out.causal_baseline), *draw, as_served);
    if (!subject) return tl::unexpected(subject.error());
    live.causal_baseline = *std::move(subject);
    add_issues(*out.causal_baseline, true, live.issues);
    const auto files = out.causal_baseline->files();
    live.files.insert(live.files.end(), files.begin(), files.end());
  }
  auto subject = subjects::make_live(checkpoint::make_runnable(*out.checkpoint), *std::move(draw), live);
  if (!subject) return tl::unexpected(subject.error());
  out.subject = *std::move(subject);
  return out;
}

}  // namespace pastonly::session
