#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lint/python_signatures.h"
#include "lint/python_tokens.h"
#include "lint/readers.h"

namespace pastonly::lint {
namespace {

/// An open bracket.
struct Bracket {
  std::size_t block = 0;  ///< of entries inside it
  bool list = false;      ///< "[": its literals become one value
  bool named = false;     ///< a call or a dictionary with a block of its own
  std::string key = {};   ///< a list's
  std::uint64_t line = 0;
  std::string values = {};
};

std::string_view last_part(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}
bool is_class(std::string_view name) { return !name.empty() && name.front() >= 'A' && name.front() <= 'Z'; }

class PythonReader {
 public:
  PythonReader(Document& document, std::string_view text, std::uint64_t line) : document_(document) {
    PythonTokens tokens(text, line);
    Token token;
    // Small programs only come here (read_document), and a token is small.
    while (tokens.next(token)) tokens_.push_back(token);
  }

  void read() {
    for (at_ = 0; at_ < tokens_.size() && !document_.full(); ++at_) step();
  }

 private:
  const Token& look(std::size_t ahead) const {
    static const Token none;
    return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : none;
  }
  bool is_sign(std::size_t ahead, char sign) const {
    const Token& token = look(ahead);
    return token.kind == TokenKind::sign && token.text.size() == 1 && token.text[0] == sign;
  }
  std::size_t block() const { return open_.empty() ? outer_ : open_.back().block; }

  void step() {
    const Token& token = tokens_[at_];
    if (token.kind == TokenKind::line_end) {
      // An indented class ends at the next line that begins something at its own level; its blocks are small.
      return;
    }
    if (token.kind == TokenKind::sign && token.text == "*") return unpacked();
    if (token.kind == TokenKind::sign) return bracket(token);
    // "import_deepspeed": whose classes are meant.
    if (token.kind == TokenKind::name && (token.text == "import" || token.text == "from") && open_.empty() &&
        look(1).kind == TokenKind::name) {
      const std::string_view package = look(1).text;
      document_.add(0, "import_" + std::string(package.substr(0, package.find('.'))), "true", token.line);
      while (at_ + 1 < tokens_.size() && look(1).kind != TokenKind::line_end) ++at_;
      return;
    }
    if (token.kind == TokenKind::name && token.text == "class" && look(1).kind == TokenKind::name &&
        open_.empty()) {
      outer_ = document_.open(0, "", token.line);
      document_.blocks[outer_].name = "class " + std::string(look(1).text);
      ++at_;
      return;
    }
    if (token.kind == TokenKind::name && token.text == "def" && open_.empty() &&
        look(1).kind == TokenKind::name) {
      outer_ = document_.open(0, look(1).text, token.line);
      ++at_;  // its defaults are keywords of a call
      return;
    }
    if (token.kind == TokenKind::name && is_sign(1, '(')) {
      name_ = token.text.rfind("self.", 0) == 0 ? "" : last_part(token.text);
      name_line_ = token.line;
      return;
    }
    if (token.kind == TokenKind::name && is_sign(1, '=') && !is_sign(2, '=')) return assigned(token, 2);
    // "name: type = value" of a class; "'name': value" of a dictionary.
    if (token.kind == TokenKind::name && is_sign(1, ':') && !in_dictionary()) return annotated(token);
    if (token.kind == TokenKind::text && is_sign(1, ':')) return assigned(token, 2);
    // run.Config(Class, key=value): what is made is that class.
    if (token.kind == TokenKind::name && is_class(last_part(token.text)) && !open_.empty() &&
        !open_.back().list && at_ > 0 && (is_sign(1, ',') || is_sign(1, ')')) && after_bracket()) {
      Block& made = document_.blocks[open_.back().block];
      made.name = last_part(token.text);
    }
    if (!open_.empty() && open_.back().list) list_value(token);
  }

  bool in_dictionary() const { return !open_.empty() && !open_.back().list && open_.back().key == "{"; }
  /// Whether nothing but line ends stands between the bracket and here.
  bool after_bracket() const { return before() == "("; }
  /// The sign before here, line ends left out; "" where it is none.
  std::string_view before() const {
    std::size_t back = at_;
    while (back > 0 && tokens_[back - 1].kind == TokenKind::line_end) --back;
    return back > 0 && tokens_[back - 1].kind == TokenKind::sign ? tokens_[back - 1].text : "";
  }
  /// "f(**settings)", "{**settings}", "f(*values)": what they hold is not known.
  void unpacked() {
    const std::string_view sign = before();
    if ((sign == "(" || sign == "," || sign == "{") && !open_.empty() && open_.back().named)
      document_.blocks[open_.back().block].more = true;
    if (is_sign(1, '*')) ++at_;
  }

  void bracket(const Token& token) {
    constexpr std::size_t most_open = 500;
    const char sign = token.text[0];
    if ((sign == '(' || sign == '{' || sign == '[') && open_.size() < most_open) {
      Bracket inner;
      inner.block = block();
      inner.line = token.line;
      if (sign == '[') {
        inner.list = true;
        inner.key = pending_;
      } else if (sign == '{') {
        inner.key = "{";
        inner.block = document_.open(block(), pending_.empty() ? "dict" : pending_, token.line);
        inner.named = true;
      } else if (!name_.empty()) {
        inner.block = document_.open(block(), name_, name_line_);
        inner.named = true;
        positions(inner.block);
      }
      pending_.clear();
      name_.clear();
      open_.push_back(std::move(inner));
    } else if ((sign == ')' || sign == '}' || sign == ']') && !open_.empty()) {
      const Bracket closed = std::move(open_.back());
      open_.pop_back();
      if (closed.list && !closed.key.empty() && !closed.values.empty())
        document_.add(block(), closed.key, closed.values, closed.line);
    } else if (sign == ',') {
      pending_.clear();
      name_.clear();
    }
  }

  /// Arguments by position, at the bracket of a call that has a signature.
  void positions(std::size_t block) {
    constexpr std::size_t most_tokens = 2000;
    const auto* call = std::ranges::find(python_signatures, name_, &PythonSignature::name);
    if (call == python_signatures.end()) return;
    if (!call->package.empty() && document_.own(0, "import_" + std::string(call->package)) == nullptr) return;
    std::vector<Token> argument;
    std::size_t position = 0;
    int depth = 0;
    for (std::size_t ahead = 1; ahead < most_tokens && at_ + ahead < tokens_.size(); ++ahead) {
      const Token& here = look(ahead);
      if (here.kind == TokenKind::line_end) continue;
      const char sign = here.kind == TokenKind::sign ? here.text[0] : '\0';
      const bool closes = sign == ')' || sign == ']' || sign == '}';
      if (depth == 0 && (closes || sign == ',')) {
        if (!argument.empty() && !positional(*call, block, argument, position)) return;
        if (closes) return;
        argument.clear();
        continue;
      }
      if (sign == '(' || sign == '[' || sign == '{') ++depth;
      if (closes) --depth;
      argument.push_back(here);
    }
    document_.blocks[block].more = true;
  }

  /// False where nothing can be said of positions after this one.
  bool positional(const PythonSignature& call, std::size_t block, const std::vector<Token>& argument,
                  std::size_t& position) {
    const Token& token = argument.front();
    const auto sign_at = [&](std::size_t at, std::string_view sign) {
      return at < argument.size() && argument[at].kind == TokenKind::sign && argument[at].text == sign;
    };
    if (token.kind == TokenKind::name && sign_at(1, "=") && !sign_at(2, "="))
      return false;  // keywords follow
    if (call.parameters.empty() || sign_at(0, "*") || token.text == "lambda") {
      document_.blocks[block].more = true;
      return false;
    }
    if (position >= call.parameters.size()) return false;
    const std::string_view key = call.parameters[position++];
    const bool minus = sign_at(0, "-") && argument.size() > 1;
    const Token& value = argument[minus ? 1 : 0];
    const bool whole = argument.size() == (minus ? 2U : 1U) && value.kind != TokenKind::sign;
    auto [text, known] = literal(value);
    document_.add(block, key, (minus ? "-" : "") + text, token.line, known && whole,
                  whole && last_part(value.text) == key);
    return true;
  }

  void list_value(const Token& token) {
    constexpr std::size_t longest = 1000;
    Bracket& list = open_.back();
    if (token.kind == TokenKind::sign || list.values.size() > longest) return;
    list.values += (list.values.empty() ? "" : ",") + std::string(token.text);
  }

  void annotated(const Token& token) {
    // A parameter with its type stands in brackets; elsewhere a line begins so ("if x:" does not).
    const bool begins = at_ == 0 || tokens_[at_ - 1].kind == TokenKind::line_end;
    if (open_.empty() ? !begins || token.text == "else" || token.text == "try" || token.text == "finally"
                      : open_.back().list)
      return;
    std::size_t ahead = 2;
    int depth = 0;
    for (; ahead < 40 && at_ + ahead < tokens_.size(); ++ahead) {
      const Token& here = look(ahead);
      if (here.kind == TokenKind::line_end) return;
      if (here.kind != TokenKind::sign) continue;
      if (here.text == "[" || here.text == "(") ++depth;
      if (here.text == "]" || here.text == ")") --depth;
      if (depth < 0 || (depth == 0 && here.text == ",")) return;
      if (depth == 0 && here.text == "=") return assigned(token, ahead + 1);
    }
  }

  /// What a token says as a value, and whether that is known.
  static std::pair<std::string, bool> literal(const Token& value) {
    std::string text(value.text);
    if (value.kind != TokenKind::name) return {text, true};
    if (text == "None") return {"", true};
    if (text == "True" || text == "False") return {text, true};
    // An enumeration's member is meant by its name; any other name is computed.
    if (is_class(text) && text.find('.') != std::string::npos) return {std::string(last_part(text)), true};
    return {text, false};
  }

  /// `token` is the key; its value begins so many tokens later.
  void assigned(const Token& token, std::size_t ahead) {
    const std::string key(last_part(token.text));
    while (look(ahead).kind == TokenKind::line_end && at_ + ahead < tokens_.size()) ++ahead;
    const bool minus = is_sign(ahead, '-');
    const std::size_t value_at = ahead + (minus ? 1 : 0);
    const Token& value = look(value_at);
    const Token& after = look(value_at + 1);
    const bool ends = at_ + value_at + 1 >= tokens_.size() || after.kind == TokenKind::line_end ||
                      (after.kind == TokenKind::sign &&
                       (after.text == "," || after.text == ")" || after.text == "}" || after.text == ";"));
    if (value.kind == TokenKind::sign || value.kind == TokenKind::line_end) {
      pending_ = key;
      at_ += value_at - 1;
      return;
    }
    const bool call = value.kind == TokenKind::name && is_sign(value_at + 1, '(');
    if (call) {
      // What a variable is assigned is no option: "dropless = build(...)". A class that is made is meant by
      // its name.
      const std::string_view called = last_part(value.text);
      if (!open_.empty()) document_.add(block(), key, std::string(called), token.line, is_class(called));
      at_ += value_at - 1;
      return;
    }
    if (!ends) {
      if (!open_.empty()) document_.add(block(), key, std::string(value.text) + "...", token.line, false);
      at_ += value_at - 1;
      return;
    }
    auto [text, known] = literal(value);
    if (known || !open_.empty())
      document_.add(block(), key, (minus ? "-" : "") + text, token.line, known,
                    !known && last_part(value.text) == key);
    at_ += value_at;
  }

  Document& document_;
  std::vector<Token> tokens_;
  std::vector<Bracket> open_;
  std::size_t at_ = 0;
  std::size_t outer_ = 0;
  std::string pending_;  ///< the key whose value is a bracket
  std::string name_;     ///< what the next "(" calls
  std::uint64_t name_line_ = 1;
};

}  // namespace

void add_python(Document& document, std::string_view text, std::uint64_t line) {
  PythonReader(document, text, line).read();
}

Expected<Document> read_python(std::string_view text) {
  Document document;
  add_python(document, text, 1);
  return document;
}

}  // namespace pastonly::lint
