#include <string>
#include <vector>

#include "lint/python_tokens.h"
#include "lint/readers.h"

namespace pastonly::lint {
namespace {

/// An open bracket.
struct Bracket {
  std::size_t block = 0;  ///< of entries inside it
  bool list = false;      ///< "[": its literals become one value
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
  bool after_bracket() const {
    std::size_t back = at_;
    while (back > 0 && tokens_[back - 1].kind == TokenKind::line_end) --back;
    return back > 0 && tokens_[back - 1].kind == TokenKind::sign && tokens_[back - 1].text == "(";
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
      } else if (!name_.empty()) {
        inner.block = document_.open(block(), name_, name_line_);
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
    std::string text(value.text);
    bool known = true;
    if (value.kind == TokenKind::name) {
      const bool constant = text == "True" || text == "False" || text == "None";
      // An enumeration's member is meant by its name; any other name is computed.
      known = constant || (is_class(text) && text.find('.') != std::string::npos);
      if (text == "None")
        text.clear();
      else if (known && !constant)
        text = last_part(value.text);
    }
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
