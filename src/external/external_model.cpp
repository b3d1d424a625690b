#include "external/external_model.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "input/text/object_reader.h"
#include "input/text/printable.h"
#include "input/trace/trace_file.h"

namespace pastonly::external {
namespace {

namespace fs = std::filesystem;
using Outcome = Channel::Outcome;

Expected<fs::path> private_directory() {
  std::error_code error;
  const fs::path temporary = fs::absolute(fs::temp_directory_path(error), error);
  if (input::printable(temporary.string()) != temporary.string())
    return input_error(
        "TMPDIR: batches pass through files whose names are sent as text; name a directory of plain UTF-8");
  std::string name = (temporary / "pastonly-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr)
    return input_error(
        fmt::format("{}: no directory can be made for batches: {} (TMPDIR names another place)",
                    error ? "TMPDIR" : temporary.string(), error ? error.message() : std::strerror(errno)));
  return fs::path(name);
}

/// "" or why an answer is not that to run `id`.
std::string not_done(const std::string& line, std::uint64_t id, const std::string& name) {
  const auto json = input::parse_json(line, name, Error::Kind::input);
  if (!json) return json.error().message;
  input::ObjectReader reader(*json, name);
  const std::string type = reader.text("type", std::nullopt);
  const std::size_t answered = reader.count("id", std::nullopt, 0, std::size_t{1} << 53);
  const std::string code = reader.text("code", ""), message = reader.text("message", "");
  if (auto read = reader.finish(); !read) return read.error().message;
  if (type != "done" && type != "error")
    return fmt::format("{}: answered run {} with type '{}', expected done or error", name, id, type);
  if (answered != id)
    return fmt::format("{}: answered run {} where run {} was asked for", name, answered, id);
  if (type == "done") return "";
  return fmt::format("{}: run {} failed: {}{}", name, id, message,
                     code == "oom" ? " (out of memory: --batch and --positions make batches smaller)" : "");
}

}  // namespace

Expected<std::unique_ptr<ExternalModel>> ExternalModel::start(Program program, std::function<bool()> stop) {
  std::unique_ptr<ExternalModel> out(new ExternalModel(std::move(program), std::move(stop)));
  if (auto opened = out->open(); !opened) return tl::unexpected(opened.error());
  return out;
}

ExternalModel::~ExternalModel() {
  child_.reset();
  attached_.reset();
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

Expected<void> ExternalModel::open() {
  constexpr std::size_t shown = 80;
  const std::string& command = program_.command;
  name_ = command.empty()
              ? "the attached program"
              : input::printable(command.size() > shown ? command.substr(0, shown) + "..." : command);
  auto directory = private_directory();
  if (!directory) return tl::unexpected(directory.error());
  directory_ = *std::move(directory);
  if (program_.attached)
    attached_ = std::make_unique<Channel>(Descriptor(program_.attached->first),
                                          Descriptor(program_.attached->second));
  return connect();
}

/// Starts the program, where it is for us to start, and hears it out.
Expected<void> ExternalModel::connect() {
  if (!program_.attached) {
    child_.reset();
    auto started = ChildProcess::start(program_.command);
    if (!started) return tl::unexpected(started.error());
    child_ = *std::move(started);
  }
  const auto received = channel().receive(program_.patience, stop_);
  if (received.outcome != Outcome::done)
    return tl::unexpected(failure(received.outcome, "before it said what it holds"));
  auto hello = parse_hello(received.line, name_);
  if (!hello) return tl::unexpected(hello.error());
  hello_ = *std::move(hello);
  if (!hello_.name.empty()) name_ = input::printable(hello_.name);
  return {};
}

Error ExternalModel::failure(Outcome outcome, const std::string& doing) {
  if (outcome == Outcome::interrupted) return {Error::Kind::interrupted, "interrupted"};
  std::string what;
  if (outcome == Outcome::late)
    what = fmt::format("said nothing for {:g} s (--timeout)",
                       static_cast<double>(program_.patience.count()) / 1000.0);
  else if (outcome == Outcome::too_long)
    what = fmt::format("wrote a line of more than {} bytes", Channel::longest_line);
  else
    what = child_ ? child_->ending() : "closed its pipe";
  if (outcome == Outcome::closed && what == "is still running") what = "closed its pipe";
  const std::string words = child_ ? child_->last_words() : "";
  return {Error::Kind::input, fmt::format("{} {} {}{}", name_, what, doing,
                                          words.empty() ? "" : "; it printed: " + input::printable(words))};
}

/// Sends a line and waits for the answer; of a program that ends meanwhile once more.
Expected<std::string> ExternalModel::ask(const std::string& line, std::uint64_t run) {
  for (int attempt = 0;; ++attempt) {
    Outcome outcome = channel().send(line, program_.patience, stop_);
    if (outcome == Outcome::done) {
      auto received = channel().receive(program_.patience, stop_);
      if (received.outcome == Outcome::done) return std::move(received.line);
      outcome = received.outcome;
    }
    if (outcome != Outcome::closed || !child_ || attempt > 0)
      return tl::unexpected(
          failure(outcome, fmt::format("in run {}{}", run, attempt > 0 ? ", twice in a row" : "")));
    const Hello before = hello_;
    ++restarts_;
    if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
    if (hello_.vocab != before.vocab || hello_.layers != before.layers)
      return input_error(
          fmt::format("{} ended in run {}, and started again holds another model", name_, run));
  }
}

std::size_t ExternalModel::restarts() const {
  const std::lock_guard lock(mutex_);
  return restarts_;
}

Expected<Trace> ExternalModel::answer(const runtime::Batch& batch, std::uint64_t seed,
                                      const Streamed* streamed) {
  const std::lock_guard lock(mutex_);
  if (lost_) return tl::unexpected(*lost_);
  const std::uint64_t id = asked_++;
  const fs::path in = directory_ / fmt::format("{}.in.safetensors", id);
  const fs::path out = directory_ / fmt::format("{}.out.safetensors", id);
  input::TokensFile given{
      batch.layout, {batch.tokens.begin(), batch.tokens.end()}, {batch.valid.begin(), batch.valid.end()}};
  if (auto written = input::write_tokens(in, given.layout, given.tokens, given.valid); !written)
    return tl::unexpected(written.error());
  input::Json run{{"type", "run"},
                  {"id", id},
                  // Whole numbers of JSON are safe up to 2^53.
                  {"seed", seed >> 11},
                  {"in", in.string()},
                  {"out", out.string()}};
  if (streamed != nullptr) run["stream"] = {{"rows", streamed->rows}, {"every", streamed->every}};
  const auto line = ask(run.dump(), id);
  if (!line) lost_ = line.error();
  if (!line) return tl::unexpected(line.error());
  if (const std::string why = not_done(*line, id, name_); !why.empty()) return input_error(why);
  // A stream says itself which tokens it ran: a program that knows none leaves the marks out.
  if (streamed != nullptr) given.valid.clear();
  auto trace = input::read_trace(out, {}, &given);
  if (!trace) trace.error().message = fmt::format("{}: {}", name_, trace.error().message);
  std::error_code ignored;
  fs::remove(in, ignored);
  fs::remove(out, ignored);
  return trace;
}

}  // namespace pastonly::external
