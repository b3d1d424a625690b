#include "input/tokenizer/regex.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace pastonly::input {
namespace {

using RegexClock = std::chrono::steady_clock;

// Between two looks at the clock, a search begins at no more than this many places.
constexpr std::size_t starts_between_looks = 64;
constexpr std::size_t searches_between_looks = 16;
constexpr std::uint32_t heap_kib = 64 * 1024;
constexpr std::size_t first_stack_bytes = std::size_t{32} << 10, stack_bytes = std::size_t{8} << 20;
// A sound pattern takes some 10 ns a byte.
constexpr double seconds_at_least = 5.0, seconds_per_byte = 2e-6;

/// Steps of backtracking that one search may take: a run of spaces is given back character by character.
std::uint32_t step_limit(std::size_t bytes) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(0xffff'ffffU, 1'000'000U + 16 * std::uint64_t{bytes}));
}

std::string words_of(int code) {
  std::array<PCRE2_UCHAR, 160> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Compiled {
  explicit Compiled(pcre2_code* made)
      : code(made),
        data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(first_stack_bytes, stack_bytes, nullptr)) {
    pcre2_set_heap_limit(context, heap_kib);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
  }

  pcre2_code* code;
  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
  double seconds = 0.0, seconds_allowed = 0.0;
  std::size_t searches = 0;
};

Expected<Regex> Regex::compile(const std::string& pcre2) {
  int error = 0;
  PCRE2_SIZE place = 0;
  constexpr std::uint32_t options =
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT | PCRE2_NO_AUTO_CAPTURE;
  pcre2_compile_context* const context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_code* const code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pcre2.data()), pcre2.size(), options,
                                         &error, &place, context);
  pcre2_compile_context_free(context);
  if (code == nullptr) return input_error(fmt::format("the pattern does not compile: {}", words_of(error)));
  // Where a system forbids code made at run time, the interpreter does the same, more slowly.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  Regex out;
  out.compiled_ = std::make_shared<Compiled>(code);
  return out;
}

Expected<std::optional<RegexMatch>> Regex::find(std::string_view text, std::size_t from) {
  Compiled& own = *compiled_;
  if (from == 0) {
    own.seconds_allowed += seconds_per_byte * static_cast<double>(text.size());
    pcre2_set_match_limit(own.context, step_limit(text.size()));
  }
  while (true) {
    const std::size_t last_start = std::min(text.size(), from + starts_between_looks);
    pcre2_set_offset_limit(own.context, last_start);
    const bool timed = ++own.searches % searches_between_looks == 0;
    const auto start = timed ? RegexClock::now() : RegexClock::time_point{};
    const int found = pcre2_match(own.code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                  PCRE2_NO_UTF_CHECK, own.data, own.context);
    if (timed) {
      own.seconds +=
          searches_between_looks * std::chrono::duration<double>(RegexClock::now() - start).count();
      if (own.seconds > seconds_at_least + own.seconds_allowed)
        return input_error("the pattern takes too long: it looks at the same text again and again");
    }
    if (found >= 0) {
      const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer(own.data);
      return RegexMatch{ends[0], ends[1]};
    }
    if (found != PCRE2_ERROR_NOMATCH)
      return input_error(
          fmt::format("the pattern costs too much at byte {} of the text: {}", from, words_of(found)));
    from = last_start + 1;
    while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0U) == 0x80U) ++from;
    if (from > text.size()) return std::nullopt;
  }
}

Expected<std::optional<RegexMatch>> RegexMatches::next() {
  while (from_ <= text_.size()) {
    auto match = regex_->find(text_, from_);
    if (!match || !*match) {
      from_ = text_.size() + 1;
      return match;
    }
    const RegexMatch found = **match;
    if (found.end == found.begin && last_end_ == found.end) {
      ++from_;
      while (from_ < text_.size() && (static_cast<unsigned char>(text_[from_]) & 0xc0U) == 0x80U) ++from_;
      continue;
    }
    from_ = found.end;
    last_end_ = found.end;
    return match;
  }
  return std::nullopt;
}

}  // namespace pastonly::input
