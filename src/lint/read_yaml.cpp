#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "lint/list_items.h"
#include "lint/readers.h"

namespace pastonly::lint {
namespace {

/// What an anchor stands for: a scalar, or a block.
struct Anchored {
  std::string value;
  std::size_t block = Block::none;
};

/// A mapping or sequence that has begun.
struct Level {
  bool mapping = false;
  std::size_t block = 0;  ///< where its entries go
  std::string key;  ///< of a mapping: the one whose value comes next; of a sequence: the one it stands under
  bool has_key = false;
  std::uint64_t line = 0;  ///< of that key
  ListItems items = {};    ///< of a sequence: its scalars so far
};

class Events : public YAML::EventHandler {
 public:
  explicit Events(Document& document) : document_(document) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // The first document's keys are the outermost ones.
    root_ = started_ && !document_.full() ? document_.open(Block::none, "", line_of(mark)) : 0;
    started_ = true;
    anchors_.clear();
    levels_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { scalar(mark, "", anchor, false); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    const Anchored meant = found != anchors_.end() ? found->second : Anchored{};
    if (meant.block == Block::none) return scalar(mark, meant.value, 0, true);
    if (levels_.empty()) return;
    Level& level = levels_.back();
    if (level.key == "<<") document_.blocks[level.block].merged.push_back(meant.block);
    level.has_key = false;
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // "!" is a quoted scalar: "null" in quotes is a word.
    const bool plain = tag != "!";
    scalar(mark,
           plain && (value == "null" || value == "~" || value == "Null" || value == "NULL") ? "" : value,
           anchor, true);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, false, anchor);
  }
  void OnSequenceEnd() override {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    level.items.close(document_, level.block, level.key, level.line);
    if (!levels_.empty()) levels_.back().has_key = false;
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, true, anchor);
  }
  void OnMapEnd() override {
    levels_.pop_back();
    if (!levels_.empty()) levels_.back().has_key = false;
  }

 private:
  static std::uint64_t line_of(const YAML::Mark& mark) { return static_cast<std::uint64_t>(mark.line) + 1; }

  void begin(const YAML::Mark& mark, bool mapping, YAML::anchor_t anchor) {
    Level level;
    level.mapping = mapping;
    level.line = line_of(mark);
    if (levels_.empty()) {
      level.block = root_;
    } else {
      const Level& outer = levels_.back();
      level.key = outer.key;
      level.line = outer.line;
      level.block = mapping ? document_.open(outer.block, outer.key, outer.line) : outer.block;
      // A mapping where a key belongs says nothing to us.
      if (outer.mapping && !outer.has_key) level.key.clear();
    }
    if (mapping) level.key.clear();
    if (anchor != 0 && mapping) anchors_[anchor] = {"", level.block};
    levels_.push_back(std::move(level));
  }

  void scalar(const YAML::Mark& mark, const std::string& value, YAML::anchor_t anchor, bool text) {
    if (anchor != 0) anchors_[anchor] = {value, Block::none};
    if (levels_.empty()) {
      if (text && holds_options(value)) add_command_line(document_, root_, value, line_of(mark));
      return;
    }
    Level& level = levels_.back();
    if (!level.mapping) {
      level.items.add(value, line_of(mark));
      return;
    }
    if (!level.has_key) {
      level.key = value;
      level.has_key = true;
      level.line = line_of(mark);
      return;
    }
    level.has_key = false;
    // A block scalar begins on the line after its sign.
    if (value.find_first_of(" \n") != std::string::npos && holds_options(value))
      add_command_line(document_, level.block, value, line_of(mark));
    else
      document_.add(level.block, level.key, value, level.line);
  }

  Document& document_;
  std::size_t root_ = 0;
  bool started_ = false;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::vector<Level> levels_;
};

}  // namespace

Expected<Document> read_yaml(std::string_view text) {
  Document document;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Events events(document);
    while (parser.HandleNextDocument(events) && !document.full()) {
    }
  } catch (const YAML::Exception& error) {
    const std::string where = error.mark.is_null() ? "" : fmt::format("line {}: ", error.mark.line + 1);
    // What yaml-cpp says where its guard against recursion speaks.
    const bool deep = error.msg == "bad file";
    return input_error(where + (deep ? "nested too deeply" : error.msg) + " (YAML)");
  }
  return document;
}

}  // namespace pastonly::lint
