#include "session/audit_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "recording/recording.h"
#include "run/audit.h"
#include "run/audit_logs.h"
#include "session/checkpoint_subject.h"
#include "session/drawn_tokens.h"
#include "session/external_subject.h"
#include "session/file_hashes.h"
#include "session/forecast.h"
#include "session/part_of_work.h"
#include "session/recording_identity.h"
#include "session/timed_run.h"
#include "subjects/file_record.h"
#include "subjects/recorded.h"
#include "subjects/tagged.h"

namespace pastonly::session {

Value logs_to_value(const AuditRequest& request) {
  Value::Array logs(request.logs.begin(), request.logs.end());
  Value out;
  out.set("logs", std::move(logs));
  const input::LogOptions& options = request.log_options;
  out.set("unit", options.unit == input::LossUnit::bits ? "bits" : "nats");
  if (!options.step.empty()) out.set(input::LogOptions::step_part, options.step);
  if (!options.loss.empty()) out.set(input::LogOptions::loss_part, options.loss);
  return out;
}

Expected<void> logs_from_value(const Value& value, AuditRequest& request) {
  const auto* list = value.array("logs");
  if (list == nullptr) return usage_error("the report does not name the training logs that it was made from");
  for (const Value& log : *list) {
    if (const auto* text = log.text()) request.logs.push_back(*text);
  }
  request.log_options = value.text_or("unit", "") == "bits" ? input::LossUnit::bits : input::LossUnit::nats;
  request.log_options.step = value.text_or(input::LogOptions::step_part, "");
  request.log_options.loss = value.text_or(input::LogOptions::loss_part, "");
  return {};
}

namespace {

bool is_external(const AuditRequest& request) {
  return !request.program.command.empty() || request.program.attached.has_value();
}

Expected<Report> run_logs(const AuditRequest& request, std::string_view today, const Watch& watch) {
  auto report = run::audit_logs(request.logs, request.log_options, request.policy, today, watch.stop);
  if (!report) return report;
  auto files = FileHashes(report->subject.files).wait();
  if (!files) return tl::unexpected(files.error());
  report->subject.files = *std::move(files);
  report->subject.options = logs_to_value(request);
  return report;
}

/// What a live subject refers to, for as long as it is asked.
struct Behind {
  CheckpointSubject checkpoint;
  ExternalSubject external;
};

Expected<std::unique_ptr<Subject>> open(const AuditRequest& request, Policy& policy, Behind& behind,
                                        const Watch& watch) {
  if (is_external(request)) {
    auto opened = open_external(request, policy, watch);
    if (!opened) return tl::unexpected(opened.error());
    behind.external = *std::move(opened);
    return std::move(behind.external.subject);
  }
  if (is_checkpoint(request.subject)) {
    watch.progress(std::nullopt, fmt::format("reading the weights of {}", request.subject));
    auto opened = open_checkpoint(request, policy);
    if (!opened) return tl::unexpected(opened.error());
    behind.checkpoint = *std::move(opened);
    return std::move(behind.checkpoint.subject);
  }
  if (auto whole = refuse_part_of_checkpoint(request.subject); !whole) return tl::unexpected(whole.error());
  std::error_code error;
  if (const auto option = given(request.checkpoint);
      option && std::filesystem::exists(request.subject, error))
    return usage_error(fmt::format("{} is for checkpoints; {} holds no config.json and is no GGUF file",
                                   *option, request.subject));
  return subjects::open_recorded(request.subject, request.options, watch.stop);
}

/// What keeps the subject's runs; nothing where nobody asked for it.
Expected<std::unique_ptr<recording::Recording>> record(const AuditRequest& request, const Policy& policy,
                                                       Subject& subject, const Environment& environment) {
  const std::string& directory = request.checkpoint.record;
  if (directory.empty()) return nullptr;
  const auto identity = identity_of(request, policy, subject);
  if (!identity) return tl::unexpected(identity.error());
  auto recording = recording::Recording::start(subject, directory, *identity, environment.watch);
  if (!recording) return recording;
  if (const std::size_t runs = (*recording)->runs_kept(); runs > 0)
    environment.say(fmt::format("continuing from {} runs of an interrupted audit in {}", runs, directory));
  return recording;
}

/// What an audit reads: the subject's files, those of tags, and the one that tokens are drawn from.
std::vector<FileRecord> files_of(const AuditRequest& request, const Subject& subject) {
  std::vector<FileRecord> files = subject.info().files;
  for (const auto& [name, path] : request.tags) files.push_back(subjects::record_file(path));
  for (FileRecord& file : token_files(request.checkpoint.tokens)) files.push_back(std::move(file));
  return files;
}

Expected<Report> audit_subject(const AuditRequest& request, const Environment& environment,
                               const TimedRun& run) {
  Policy policy = request.policy;
  Behind behind;
  auto subject = open(request, policy, behind, environment.watch);
  if (!subject) return tl::unexpected(subject.error());
  FileHashes hashes(files_of(request, **subject));

  run::AuditOptions options;
  options.checks = request.checks;
  options.seed = request.seed;
  options.today = run.today();
  const bool kept = !request.checkpoint.record.empty();
  options.watch = part_of_work(environment.watch, 0.0, kept ? 0.95 : 1.0);
  options.told = [&](const run::Ahead& ahead) {
    if (const auto line = forecast(ahead, request.checkpoint, policy)) environment.say(*line);
  };
  const auto recording = record(request, policy, **subject, environment);
  if (!recording) return tl::unexpected(recording.error());
  Subject& answering = *recording ? static_cast<Subject&>(**recording) : **subject;
  const auto tagged = subjects::Tagged::make(answering, request.tags);
  if (!tagged) return tl::unexpected(tagged.error());
  auto report = run::audit(**tagged, policy, options);
  if (!report) return report;
  environment.watch.progress(std::nullopt, "hashing the files that were read");
  auto files = hashes.wait();
  if (!files) return tl::unexpected(files.error());
  if (*recording) {
    const Watch rest = part_of_work(environment.watch, 0.95, 1.0);
    if (auto done = (*recording)->finish(rest); !done) return tl::unexpected(done.error());
    environment.say(
        fmt::format("{} is now a plan directory that audit and compare can read", request.checkpoint.record));
  }

  report->subject.files = *std::move(files);
  report->subject.options = to_value(request.options);
  add_to_value(request.checkpoint, report->subject.options);
  add_to_value(request.tags, report->subject.options);
  if (!request.program.command.empty()) report->subject.options.set("exec", request.program.command);
  return report;
}

/// A trace file or the output of a plan's run: what was observed.
bool is_output(const Report& report, const FileRecord& file) {
  return report.subject.kind == "trace" ? file.path == report.subject.name
                                        : file.path.ends_with(".out.safetensors");
}

/// "" or what is wrong: no run of `one` may be the copy of a run of `other`, or it would count as two.
std::string same_run(const Report& one, const Report& other) {
  for (const FileRecord& file : one.subject.files) {
    const auto same = std::ranges::find_if(other.subject.files, [&](const FileRecord& earlier) {
      return earlier.sha256 == file.sha256 && is_output(other, earlier);
    });
    if (is_output(one, file) && same != other.subject.files.end())
      return fmt::format(
          "{} is {} byte for byte; recordings that are judged together must differ, so give each "
          "once",
          file.path, same->path);
  }
  return "";
}

/// One after the other, then one verdict.
Expected<Report> audit_all(const AuditRequest& request, const Environment& environment, const TimedRun& run) {
  const double recordings = 1.0 + static_cast<double>(request.beside.size());
  const auto one_of_them = [&](std::size_t i) {
    const auto first = static_cast<double>(i);
    Environment its = environment;
    its.watch = part_of_work(environment.watch, first / recordings, (first + 1.0) / recordings);
    return its;
  };
  auto report = audit_subject(request, one_of_them(0), run);
  if (!report || request.beside.empty()) return report;
  for (const std::string& path : request.beside) {
    AuditRequest other = request;
    other.subject = path;
    auto audited = audit_subject(other, one_of_them(1 + report->beside.size()), run);
    if (!audited) return audited;
    std::string twice = same_run(*audited, *report);
    for (const Report& earlier : report->beside) twice = twice.empty() ? same_run(*audited, earlier) : twice;
    if (!twice.empty()) return usage_error(twice);
    audited->run = run.record(request.seed);
    report->beside.push_back(*std::move(audited));
  }
  if (auto judged = run::judge_together(report->policy, run.today(), *report); !judged)
    return tl::unexpected(judged.error());
  return report;
}

/// "" or the recording that is given twice.
std::string given_twice(const AuditRequest& request) {
  std::vector<std::string> seen{request.subject};
  for (const std::string& path : request.beside) {
    std::error_code ignored;
    for (const std::string& other : seen) {
      if (std::filesystem::equivalent(path, other, ignored)) return path;
    }
    seen.push_back(path);
  }
  return "";
}

}  // namespace

Expected<Report> run_audit(const AuditRequest& request, const Environment& environment) {
  TimedRun run(environment);
  if (const std::string path = given_twice(request); !path.empty())
    return usage_error(
        fmt::format("{} is given twice; recordings that are judged together must differ", path));
  for (const std::string& path : request.beside) {
    if (is_checkpoint(path) || is_checkpoint(request.subject))
      return usage_error(
          fmt::format("{} is a checkpoint; recordings alone (trace files, plan directories) are "
                      "judged together",
                      is_checkpoint(path) ? path : request.subject));
  }
  auto report = request.logs.empty() ? audit_all(request, environment, run)
                                     : run_logs(request, run.today(), environment.watch);
  if (report && request.baseline)
    report = run::judge_by_baseline(*std::move(report), *request.baseline, run.today());
  if (report) report->run = run.record(request.seed);
  return report;
}

}  // namespace pastonly::session
