#pragma once

#include <map>
#include <string>
#include <string_view>

namespace pastonly::report {

/// Takes out of sentences what tells of tokens or files. Fill it first, then ask.
class TextRedactor {
 public:
  /// A path or a name, and what stands for it, where it stands as a whole word. A file's last part is hidden
  /// too; strings of fewer than three bytes, and words that sentences are made of, are not looked for.
  void hide(const std::string& name, const std::string& instead);
  /// A sentence that a check wrote, and what stands for it.
  void say(const std::string& sentence, const std::string& instead);

  /// Of what a check or a reader wrote: without hidden names, what stands in quotes, words that look like
  /// paths, and with "#" for every number.
  std::string scrubbed(std::string_view text) const;
  /// Of advice, which is ours: hidden names and paths gone; where it holds a number it is not ours alone, and
  /// is scrubbed.
  std::string advised(std::string_view text) const;
  /// Of a reason that the judge wrote around the sentences of checks: those as said, hidden names, paths and
  /// quotes gone; the judge's own numbers are counts and limits, and stay.
  std::string judged(std::string_view text) const;

 private:
  struct LongerFirst {
    bool operator()(const std::string& a, const std::string& b) const noexcept {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };
  using Instead = std::map<std::string, std::string, LongerFirst>;
  static std::string replaced(std::string text, const Instead& what);

  Instead names_, sentences_;
};

}  // namespace pastonly::report
