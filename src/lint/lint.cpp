#include "lint/lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/gguf.h"
#include "input/files/hash.h"
#include "input/files/mapped_file.h"
#include "input/text/printable.h"
#include "lint/found_files.h"
#include "lint/judge.h"
#include "lint/model_type.h"
#include "lint/read_document.h"
#include "lint/read_gguf.h"
#include "pastonly/version.h"
#include "subjects/file_record.h"

namespace pastonly::lint {
namespace {

constexpr const char* check = "configuration";

Severity severity_of(const Match& match) {
  const Option& option = *match.option;
  if (!match.certain || option.effect == Effect::chance || option.effect == Effect::debug)
    return Severity::note;
  if (option.effect == Effect::bidirectional) return Severity::warning;
  return option.axes.future ? Severity::error : Severity::warning;
}

std::string message_of(const Match& match) {
  const Option& option = *match.option;
  std::string does;
  if (option.effect == Effect::debug)
    does = "routing without the router";
  else if (option.effect == Effect::chance)
    does = "routing by chance";
  else
    does = fmt::format("{}", option.rule);
  return fmt::format("{}: {}{} in {}{}", match.settings, match.certain ? "" : "may be ", does,
                     in_words(option.modes), match.certain ? "" : "; the value is computed elsewhere");
}

Report::Finding finding_of(const Match& match, const std::string& path) {
  const Option& option = *match.option;
  Report::Finding finding;
  finding.check = check;
  finding.claim = option.id;
  finding.severity = severity_of(match);
  finding.message = message_of(match);
  finding.help = option.instead;
  finding.basis = Claim::Basis::observation;
  finding.place = Report::Place{path, match.line};
  // Where it stands may move; what it says of which file does not.
  finding.fingerprint =
      input::sha256_text(fmt::format("{}/{}|{}|{}", check, option.id, path, match.settings)).substr(0, 16);
  Value witness;
  witness.set("type", "configuration");
  witness.set("framework", std::string(info(option.framework).name));
  witness.set("settings", match.settings);
  witness.set("rule", option.rule.empty() ? Value() : Value(std::string(option.rule)));
  witness.set("future", option.axes.future);
  witness.set("batch", option.axes.batch);
  witness.set("length", option.axes.length);
  witness.set("training", option.modes.training);
  witness.set("evaluation", option.modes.evaluation);
  witness.set("certain", match.certain);
  witness.set("what", std::string(option.what));
  witness.set("source", std::string(option.source));
  finding.witness = std::move(witness);
  return finding;
}

/// Such a file is large, and its first bytes are enough for no message.
bool is_model(const std::string& path) { return path.ends_with(".safetensors"); }

class Reading {
 public:
  explicit Reading(const Request& request) : request_(request) {}

  void file(const FoundFile& found) {
    ++read_;
    if (is_model(found.path))
      return trouble(
          found, fmt::format("{}: a model, which holds no options: audit it (pastonly audit)", found.path));
    if (checkpoint::is_gguf(found.path)) return gguf(found);
    auto syntax = syntax_of(found.path);
    const auto text = input::read_text(found.path, most_log_bytes);
    if (!text) return trouble(found, text.error().message);
    if (text->find_first_not_of(" \t\r\n") == std::string::npos) return nothing(found);
    if (!syntax) syntax = syntax_of_text(*text);
    if (!syntax) return nothing(found);
    const auto document = read_document(*text, *syntax);
    if (!document) return trouble(found, fmt::format("{}: {}", found.path, document.error().message));
    auto whose = request_.framework ? std::vector{*request_.framework} : frameworks_of(*document, *syntax);
    if (!request_.framework && *syntax == Syntax::json && std::erase(whose, Framework::hugging_face) > 0) {
      const ModelType model = model_type(*document);
      if (model.known)
        whose.push_back(Framework::hugging_face);
      else if (model.experts && whose.empty())
        return unknown(found, model.name);
      std::ranges::sort(whose);
    }
    recognised(found, *document, whose, {found.path, text->size(), input::sha256_text(*text)});
  }

  /// Of the file no more is read than its header, and its hash.
  void gguf(const FoundFile& found) {
    const auto model = read_gguf_model(found.path);
    if (!model) return trouble(found, model.error().message);
    if (!model->type.experts) return nothing(found);
    if (!model->type.known) return unknown(found, model->type.name);
    std::vector<FileRecord> files{subjects::record_file(found.path)};
    if (auto hashed = input::hash_files(files); !hashed) return trouble(found, hashed.error().message);
    recognised(found, model->document, {Framework::llama_cpp}, files.front());
  }

  void recognised(const FoundFile& found, const Document& document, const std::vector<Framework>& whose,
                  FileRecord file) {
    const bool empty =
        std::ranges::all_of(document.blocks, [](const Block& block) { return block.entries.empty(); });
    if (whose.empty() || empty) return nothing(found);
    for (const Match& match : judge(document, whose))
      report.findings.push_back(finding_of(match, found.path));
    report.subject.files.push_back(std::move(file));
    std::string names;
    for (const Framework one : whose) names += (names.empty() ? "" : ", ") + std::string(info(one).name);
    recognised_.emplace_back(Value::Object{{"path", found.path}, {"frameworks", names}});
  }

  /// What could not be read fails only who named it: a directory holds other people's files.
  void trouble(const FoundFile& found, const std::string& why) {
    report.not_assessed.push_back({check, input::printable(why)});
    if (!found.path.empty()) --read_;
    ++unread_;
    if (found.named) unreadable_.push_back(input::printable(why));
  }
  void unknown(const FoundFile& found, const std::string& model) {
    ++unknown_;
    report.not_assessed.push_back(
        {check, input::printable(fmt::format("{}: {} has experts, and how it routes is not known here: audit "
                                             "the checkpoint",
                                             found.path, model))});
  }
  void nothing(const FoundFile& found) {
    if (found.named)
      report.not_assessed.push_back(
          {check, input::printable(found.path + ": no option of a framework that is known")});
  }

  Report done() {
    const bool fails =
        std::ranges::any_of(report.findings, [](const auto& f) { return f.severity == Severity::error; });
    report.verdict = fails ? Verdict::fail : unreadable_.empty() ? Verdict::pass : Verdict::error;
    report.verdict_reasons = unreadable_;
    report.subject.options.set("read", read_);
    report.subject.options.set("unread", unread_);
    report.subject.options.set("unknown", unknown_);
    report.subject.options.set("recognised", std::move(recognised_));
    return std::move(report);
  }

  Report report;

 private:
  const Request& request_;
  std::size_t read_ = 0, unread_ = 0;
  std::size_t unknown_ = 0;  // with experts that route in a way that is not known
  std::vector<std::string> unreadable_;
  Value::Array recognised_;
};

}  // namespace

Report lint(const Request& request, const Watch& watch) {
  Reading reading(request);
  watch.progress(std::nullopt, "looking for files");
  const FoundFiles found = find_files(request.paths);
  for (std::size_t i = 0; i < found.files.size(); ++i) {
    watch.progress(static_cast<double>(i) / static_cast<double>(found.files.size()),
                   fmt::format("file {} of {}", i + 1, found.files.size()));
    reading.file(found.files[i]);
  }
  for (const std::string& why : found.trouble) reading.trouble({"", true}, why);

  Report report = reading.done();
  report.tool = {"pastonly", std::string(version()), std::string(commit())};
  report.subject.kind = "configuration";
  report.subject.mode = name(Mode::unknown);
  report.subject.stage = name(Stage::unknown);
  for (const std::string& path : request.paths) {
    constexpr std::size_t longest = 200;
    if (report.subject.name.size() > longest) {
      report.subject.name += " ...";
      break;
    }
    report.subject.name += (report.subject.name.empty() ? "" : " ") + path;
  }
  report.checks.push_back({check, "ran", "", 0.0, {}, {}});
  report.policy.name = "lint";
  return report;
}

}  // namespace pastonly::lint
