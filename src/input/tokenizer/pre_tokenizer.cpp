#include "input/tokenizer/pre_tokenizer.h"

#include <fmt/format.h>

#include <utility>

namespace pastonly::input {
namespace {

/// The stretches of a text that a pattern matches, and those between.
struct Stretch {
  std::size_t begin, end;
  bool match;
};

class Stretches {
 public:
  Stretches(Regex& regex, std::string_view text) : matches_(regex, text), size_(text.size()) {}

  Expected<std::optional<Stretch>> next() {
    if (!waiting_ && done_ <= size_ && !ended_) {
      auto match = matches_.next();
      if (!match) return tl::unexpected(match.error());
      if (*match) {
        waiting_ = **match;
      } else {
        ended_ = true;
        if (done_ < size_) return Stretch{done_, size_, false};
      }
    }
    if (!waiting_) return std::nullopt;
    if (done_ != waiting_->begin) {
      const Stretch between{done_, waiting_->begin, false};
      done_ = waiting_->begin;
      return between;
    }
    const Stretch found{waiting_->begin, waiting_->end, true};
    done_ = found.end;
    waiting_.reset();
    return found;
  }

 private:
  RegexMatches matches_;
  std::size_t size_, done_ = 0;
  std::optional<RegexMatch> waiting_;
  bool ended_ = false;
};

}  // namespace

Expected<void> PreTokenizer::run(std::size_t index, const TextPiece& piece, const TakePiece& take) {
  if (piece.text.empty()) return {};
  if (index == steps_.size()) return take(piece);
  const Step& step = steps_[index];
  if (step.space.empty()) return run_split(index, piece, take);
  std::string text;
  const bool replaces = step.space != " ";
  if (replaces) {
    text.reserve(piece.text.size());
    for (const char c : piece.text) c == ' ' ? text.append(step.space) : text.append(1, c);
  }
  const std::string_view now = replaces ? std::string_view(text) : piece.text;
  const bool wanted =
      step.prefix == PrefixScheme::always || (step.prefix == PrefixScheme::first && piece.first);
  if (!wanted || now.starts_with(step.space)) return run_split(index, {now, piece.first}, take);
  const std::string prefixed = step.space + std::string(now);
  return run_split(index, {prefixed, piece.first}, take);
}

Expected<void> PreTokenizer::run_split(std::size_t index, const TextPiece& piece, const TakePiece& take) {
  Step& step = steps_[index];
  if (!step.pattern) return run(index + 1, piece, take);
  std::optional<Stretch> held;  // grows, until the next stretch says that it does not
  const auto give = [&](const Stretch& stretch) {
    return run(
        index + 1,
        {piece.text.substr(stretch.begin, stretch.end - stretch.begin), piece.first && stretch.begin == 0},
        take);
  };
  const auto swap_held = [&](const Stretch& stretch) -> Expected<void> {
    const std::optional<Stretch> before = std::exchange(held, stretch);
    return before ? give(*before) : Expected<void>();
  };
  Stretches stretches(*step.pattern, piece.text);
  bool previous = false;  // whether the stretch before was a match
  while (true) {
    auto next = stretches.next();
    if (!next) return input_error(fmt::format("{}: {}", step.path, next.error().message));
    if (!*next) break;
    Stretch stretch = **next;
    stretch.match = stretch.match != step.invert;
    Expected<void> done;
    switch (step.behaviour) {
      case Behaviour::removed:
        if (!stretch.match) done = give(stretch);
        break;
      case Behaviour::isolated:
        done = give(stretch);
        break;
      case Behaviour::merged_with_previous:
        if (stretch.match && !previous && held)
          held->end = stretch.end;
        else
          done = swap_held(stretch);
        break;
      case Behaviour::merged_with_next:
        if (!stretch.match && previous && held && held->match)
          held = Stretch{held->begin, stretch.end, false};
        else
          done = swap_held(stretch);
        break;
      case Behaviour::contiguous:
        if (stretch.match == previous && held)
          held->end = stretch.end;
        else
          done = swap_held(stretch);
        break;
    }
    if (!done) return done;
    previous = stretch.match;
  }
  return held ? give(*held) : Expected<void>();
}

}  // namespace pastonly::input
