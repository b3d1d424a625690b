#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "external/channel.h"
#include "external/child_process.h"
#include "external/hello.h"
#include "pastonly/error.h"
#include "pastonly/trace.h"
#include "runtime/batch.h"

namespace pastonly::external {

/// How a program is reached.
struct Program {
  std::string command;  ///< to start it; or
  /// descriptors of a program that started this one: read its answers, write to it. They are taken over.
  std::optional<std::pair<int, int>> attached;
  std::chrono::milliseconds patience{600'000};  ///< for its hello and for each answer
};

/// Tokens that are run one by one.
struct Streamed {
  std::span<const std::size_t> rows;
  std::size_t every = 1;
};

/// A model that another program runs. Batches are asked for one after the other, whoever asks. A program that
/// was started here and ends before it has answered is started once more for that batch. Input errors, with
/// the program's last words: it cannot be started, says what makes no sense, does not answer in time, fails,
/// or writes a trace that is none.
class ExternalModel {
 public:
  static Expected<std::unique_ptr<ExternalModel>> start(Program program, std::function<bool()> stop);
  ~ExternalModel();

  const Hello& hello() const noexcept { return hello_; }
  /// As the program calls its model, else its command.
  const std::string& name() const noexcept { return name_; }
  /// What the model made of the batch under this seed of chance. The trace's file is gone from its directory;
  /// its bytes live as long as the trace.
  /// `streamed`: of these rows, positions every - 1, 2 every - 1, ... are run, each alone with the row's
  /// tokens up to it, and the batch's `valid` marks them. Only where hello().streams.
  Expected<Trace> answer(const runtime::Batch& batch, std::uint64_t seed, const Streamed* streamed = nullptr);
  /// How often the program was started again. Answers before and after may be of two models: for the caller
  /// to ask.
  std::size_t restarts() const;
  /// Where batches and answers pass through.
  const std::filesystem::path& directory() const noexcept { return directory_; }

 private:
  ExternalModel(Program program, std::function<bool()> stop)
      : program_(std::move(program)), stop_(std::move(stop)) {}
  Expected<void> open();
  Expected<void> connect();
  Expected<std::string> ask(const std::string& line, std::uint64_t run);
  Error failure(Channel::Outcome outcome, const std::string& doing);
  Channel& channel() noexcept { return child_ ? child_->channel() : *attached_; }

  Program program_;
  std::function<bool()> stop_;
  std::string name_;
  std::filesystem::path directory_;
  Hello hello_;
  mutable std::mutex mutex_;  // of what follows
  std::size_t restarts_ = 0;
  std::unique_ptr<ChildProcess> child_;
  std::unique_ptr<Channel> attached_;
  std::uint64_t asked_ = 0;
  std::optional<Error> lost_;  // why nothing more can be asked
};

}  // namespace pastonly::external
