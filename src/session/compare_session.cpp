#include "session/compare_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "evidence/observations.h"
#include "run/compare.h"
#include "session/audit_session.h"
#include "session/checkpoint_subject.h"
#include "session/drawn_tokens.h"
#include "session/file_hashes.h"
#include "session/part_of_work.h"
#include "session/text_tokens.h"
#include "session/timed_run.h"
#include "subjects/file_record.h"
#include "subjects/recorded.h"

namespace pastonly::session {
namespace {

Expected<Trace> base_of(const std::string& path, const input::TraceOptions& options) {
  auto subject = subjects::open_recorded(path, options);
  if (!subject) return tl::unexpected(subject.error());
  return evidence::Observations(**subject).base();
}

/// The base run of a checkpoint on tokens of its own choice.
Expected<Trace> base_of_checkpoint(const std::string& path, const CompareRequest& request) {
  AuditRequest audit;
  audit.subject = path;
  audit.options = request.options;
  audit.seed = request.seed;
  audit.checkpoint = request.checkpoint;
  Policy policy;
  auto opened = open_checkpoint(audit, policy);
  if (!opened) return tl::unexpected(opened.error());
  return evidence::Observations(*opened->subject).base();
}

/// A checkpoint on the tokens of another's trace.
Expected<Trace> run_on_tokens_of(const Trace& other, const std::string& path,
                                 const CheckpointOptions& options) {
  if (other.tokens.empty())
    return usage_error(fmt::format("{} records no tokens to run {} on", other.path, path));
  const auto opened = open_directory(path, options);
  if (!opened) return tl::unexpected(opened.error());
  checkpoint::InferenceWorkspace workspace;
  // What was run but not recorded (a cached prefix) is part of what the others saw.
  std::vector<std::uint8_t> real(other.layout.tokens());
  for (std::size_t token = 0; token < real.size(); ++token) real[token] = other.is_real(token) ? 1 : 0;
  auto data = opened->observe({other.layout, other.tokens, real}, {.mode = Mode::eval}, workspace);
  if (!data) return tl::unexpected(data.error());
  Trace trace = make_trace(*std::move(data));
  trace.path = path;
  return trace;
}

/// The models on the same tokens: those that the first recording among them holds, or those that the last
/// one, a checkpoint, is given.
class SameTokens {
 public:
  explicit SameTokens(const CompareRequest& request) : request_(request), options_(request.options) {
    options_.shape_of_another = true;
    const auto& paths = request_.models;
    const auto recorded = std::ranges::find_if_not(paths, is_checkpoint);
    leader_ = recorded != paths.end() ? static_cast<std::size_t>(recorded - paths.begin()) : paths.size() - 1;
  }

  Expected<Trace> open(std::size_t i) {
    if (!leading_) {
      const std::string& path = request_.models[leader_];
      leading_ = is_checkpoint(path) ? base_of_checkpoint(path, request_) : base_of(path, options_);
    }
    if (!*leading_ || i == leader_) return marked(i, *leading_);
    const std::string& path = request_.models[i];
    return marked(i, is_checkpoint(path) ? run_on_tokens_of(**leading_, path, request_.checkpoint)
                                         : base_of(path, options_));
  }

 private:
  Expected<Trace> marked(std::size_t i, Expected<Trace> trace) const {
    if (trace) trace->ran_here = is_checkpoint(request_.models[i]);
    return trace;
  }

  const CompareRequest& request_;
  input::TraceOptions options_;
  std::size_t leader_;
  std::optional<Expected<Trace>> leading_;
};

/// Options for checkpoints that nothing here would follow.
Expected<void> check_options(const CompareRequest& request) {
  const auto& paths = request.models;
  const auto checkpoint = std::ranges::find_if(paths, is_checkpoint),
             recorded = std::ranges::find_if_not(paths, is_checkpoint);
  if (const auto option = given(request.checkpoint); option && checkpoint == paths.end())
    return usage_error(
        fmt::format("{} is for checkpoints; no path holds a config.json or is a GGUF file", *option));
  if (checkpoint != paths.end() && recorded != paths.end() &&
      !(request.checkpoint.tokens.empty() && request.checkpoint.text.empty() &&
        request.checkpoint.positions == 0))
    return usage_error(
        fmt::format("{} is run on the tokens that {} recorded: leave out --tokens, --text and --positions",
                    *checkpoint, *recorded));
  return {};
}

/// What the models were read from.
Expected<std::vector<FileRecord>> files_of(const CompareRequest& request,
                                           const std::vector<const Trace*>& traces) {
  std::vector<FileRecord> out;
  for (std::size_t i = 0; i < request.models.size(); ++i) {
    const std::string& path = request.models[i];
    if (!is_checkpoint(path)) {
      out.push_back(subjects::record_file(traces[i]->path));
      continue;
    }
    const auto opened = checkpoint::Checkpoint::open(path, std::nullopt, checkpoint::Precision::float32,
                                                     request.checkpoint.family);
    if (!opened) return tl::unexpected(opened.error());
    const auto files = opened->files();
    out.insert(out.end(), files.begin(), files.end());
  }
  // The last checkpoint's tokenizer reads the text for all.
  for (FileRecord& file : text_files(request.models.back(), request.checkpoint.text))
    out.push_back(std::move(file));
  for (FileRecord& file : token_files(request.checkpoint.tokens)) out.push_back(std::move(file));
  return out;
}

}  // namespace

Expected<Report> run_comparison(const CompareRequest& request, const Environment& environment) {
  const TimedRun timed(environment);
  if (auto fits = check_options(request); !fits) return tl::unexpected(fits.error());
  SameTokens models(request);
  const double opened = std::ranges::any_of(request.models, is_checkpoint) ? 0.8 : 0.1;
  environment.watch.progress(0.0, request.models[0]);
  const auto first = models.open(0);
  if (!first) return tl::unexpected(first.error());
  environment.watch.progress(opened / 2.0, request.models[1]);
  const auto second = models.open(1);
  if (!second) return tl::unexpected(second.error());
  auto read = files_of(request, {&*first, &*second});
  if (!read) return tl::unexpected(read.error());
  FileHashes hashes(*std::move(read));
  auto report = run::compare(*first, *second, request.policy, request.seed, timed.today(),
                             part_of_work(environment.watch, opened, 1.0));
  if (!report) return report;
  environment.watch.progress(std::nullopt, "hashing the files that were read");
  auto files = hashes.wait();
  if (!files) return tl::unexpected(files.error());
  report->subject.files = *std::move(files);
  report->subject.name = fmt::format("{} against {}", request.models[0], request.models[1]);
  report->subject.options = to_value(request.options);
  add_to_value(request.checkpoint, report->subject.options);
  report->subject.options.set("models", Value::Array{request.models[0], request.models[1]});
  if (request.baseline) report = run::judge_by_baseline(*std::move(report), *request.baseline, timed.today());
  if (report) report->run = timed.record(request.seed);
  return report;
}

Expected<comparison::Fixation> run_fixation(const CompareRequest& request, const Environment& environment) {
  constexpr double alpha = 0.05;
  const TimedRun timed(environment);
  if (auto fits = check_options(request); !fits) return tl::unexpected(fits.error());
  SameTokens models(request);
  return comparison::fixation(
      request.models,
      [&, done = 0.0](std::size_t i) mutable {
        environment.watch.progress(done++ / static_cast<double>(request.models.size()), request.models[i]);
        return models.open(i);
      },
      alpha, request.seed);
}

Expected<CompareRequest> comparison_of(const Report& report) {
  CompareRequest request;
  const auto* models = report.subject.options.array("models");
  for (const Value& model : models != nullptr ? *models : Value::Array{}) {
    if (const auto* path = model.text()) request.models.push_back(*path);
  }
  if (request.models.size() != 2)
    return usage_error("the report does not name the two models that it compares");
  auto options = trace_options_from(report.subject.options);
  if (!options) return tl::unexpected(options.error());
  request.options = *std::move(options);
  request.checkpoint = checkpoint_options_from(report.subject.options);
  request.policy = report.policy;
  request.seed = report.run.seed;
  return request;
}

}  // namespace pastonly::session
