#include "report/redact_text.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace pastonly::report {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// "…" for what stands between quotes; an apostrophe within a word is none.
std::string without_quotes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool opens =
        (c == '\'' || c == '"') && (i == 0 || (!is_letter(text[i - 1]) && !is_digit(text[i - 1])));
    const auto end = opens ? text.find(c, i + 1) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += c;
      continue;
    }
    out += "\"…\"";
    i = end;
  }
  return out;
}

/// A word with an ending of files, or that begins as paths do.
bool looks_like_path(std::string_view word) {
  while (!word.empty() && std::string_view("(,.:;)").find(word.back()) != std::string_view::npos)
    word.remove_suffix(1);
  while (!word.empty() && word.front() == '(') word.remove_prefix(1);
  if (word.starts_with('/') || word.starts_with("./") || word.starts_with("../") || word.starts_with("~/"))
    return true;
  constexpr std::string_view endings[] = {".safetensors", ".json", ".jsonl", ".npy",  ".npz",
                                          ".pt",          ".pth",  ".bin",   ".gguf", ".txt",
                                          ".csv",         ".log",  ".html",  ".pkl",  ".yaml"};
  return std::ranges::any_of(endings, [&](std::string_view ending) { return word.ends_with(ending); });
}

std::string without_paths(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    out += looks_like_path(word) ? std::string_view("…") : word;
    if (end < text.size()) out += ' ';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// "#" for every number, whatever its form.
std::string without_numbers(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_digit(text[i])) {
      out += text[i];
      continue;
    }
    while (i + 1 < text.size() && (is_digit(text[i + 1]) || ((text[i + 1] == '.' || text[i + 1] == ',') &&
                                                             i + 2 < text.size() && is_digit(text[i + 2]))))
      ++i;
    out += '#';
  }
  return out;
}

}  // namespace

void TextRedactor::hide(const std::string& name, const std::string& instead) {
  constexpr std::size_t shortest = 3;
  // Directories may bear names that sentences are made of.
  constexpr std::string_view words[] = {"plan",  "plans", "trace",    "traces", "model",  "models",
                                        "run",   "runs",  "base",     "token",  "tokens", "text",
                                        "layer", "check", "audit",    "train",  "eval",   "checkpoint",
                                        "rule",  "the",   "recording"};
  if (name.size() >= shortest && std::ranges::find(words, name) == std::ranges::end(words))
    names_.emplace(name, instead);
  const std::string last = std::filesystem::path(name).filename().string();
  if (last.size() >= shortest && last.find('.') != std::string::npos) names_.emplace(last, instead);
}

void TextRedactor::say(const std::string& sentence, const std::string& instead) {
  if (!sentence.empty()) sentences_.emplace(sentence, instead);
}

std::string TextRedactor::replaced(std::string text, const Instead& what) {
  for (const auto& [old, instead] : what) {
    for (auto at = text.find(old); at != std::string::npos;) {
      const std::size_t end = at + old.size();
      const bool whole =
          (at == 0 || !is_letter(text[at - 1])) && (end >= text.size() || !is_letter(text[end]));
      if (whole) text.replace(at, old.size(), instead);
      at = text.find(old, at + (whole ? instead.size() : 1));
    }
  }
  return text;
}

std::string TextRedactor::scrubbed(std::string_view text) const {
  return without_numbers(without_paths(without_quotes(replaced(std::string(text), names_))));
}

std::string TextRedactor::advised(std::string_view text) const {
  if (std::ranges::any_of(text, is_digit)) return scrubbed(text);
  return without_paths(replaced(std::string(text), names_));
}

std::string TextRedactor::judged(std::string_view text) const {
  return without_paths(without_quotes(replaced(replaced(std::string(text), sentences_), names_)));
}

}  // namespace pastonly::report
