#include "input/tokenizer/normalizer.h"

#include "input/tokenizer/part_reading.h"

namespace pastonly::input {
namespace {

Expected<void> too_long(std::string_view path) {
  return input_error(fmt::format("{}: makes the text too long", path));
}

}  // namespace

Expected<Normalizer> Normalizer::read(const Json& json) {
  Normalizer out;
  if (json.is_null()) return out;
  if (auto added = out.add(json, "normalizer"); !added) return tl::unexpected(added.error());
  return out;
}

Expected<void> Normalizer::add(const Json& json, const std::string& path) {
  if (steps_.size() >= most_parts)
    return input_error(fmt::format("{}: more than {} steps", path, most_parts));
  const std::string type = type_of(json);
  ObjectReader read(json, path);
  if (type == "Sequence") {
    const Json* const list = read.find("normalizers");
    if (list == nullptr || !list->is_array()) return input_error(path + ".normalizers: expected a list");
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (auto added = add((*list)[i], fmt::format("{}.normalizers[{}]", path, i)); !added) return added;
    }
    return {};
  }
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    steps_.emplace_back(Form{type == "NFC"    ? UnicodeForm::nfc
                             : type == "NFD"  ? UnicodeForm::nfd
                             : type == "NFKC" ? UnicodeForm::nfkc
                                              : UnicodeForm::nfkd});
  } else if (type == "Lowercase") {
    steps_.emplace_back(Lower{});
  } else if (type == "Prepend") {
    steps_.emplace_back(Prepend{read.text("prepend", std::nullopt)});
    if (std::get<Prepend>(steps_.back()).what.size() > longest_inserted)
      read.reject("prepend", "is too long");
  } else if (type == "Strip") {
    steps_.emplace_back(Strip{read.flag("strip_left", std::nullopt), read.flag("strip_right", std::nullopt)});
  } else if (type == "Replace") {
    auto step = read_replace(json, path);
    if (!step) return tl::unexpected(step.error());
    steps_.emplace_back(*std::move(step));
  } else {
    return unsupported(path,
                       type.empty() ? "a normalizer without type" : fmt::format("the normalizer {}", type));
  }
  return read.finish();
}

Expected<Normalizer::Replace> Normalizer::read_replace(const Json& json, const std::string& path) {
  ObjectReader read(json, path);
  Replace out{path, "", {}, read.text("content", std::nullopt)};
  if (out.with.size() > longest_inserted) read.reject("content", "is too long");
  if (auto good = read.finish(); !good) return tl::unexpected(good.error());
  auto pattern = read_pattern(json, path);
  if (!pattern) return tl::unexpected(pattern.error());
  const Json& kind = json.at("pattern");
  if (kind.contains("String")) {
    out.text = kind.at("String").get<std::string>();
  } else {
    // Newer versions of the package put groups there, older ones the character itself.
    if (out.with.find('$') != out.with.npos) return unsupported(path + ".content", "'$' beside a Regex");
    out.pattern.push_back(*std::move(pattern));
  }
  return out;
}

Expected<void> Normalizer::replace(Replace& step, std::string& text, std::size_t most) {
  std::string out;
  std::size_t done = 0;
  const auto put = [&](std::size_t begin, std::size_t end) {
    out.append(text, done, begin - done) += step.with;
    done = end;
    return out.size() <= most;
  };
  if (step.pattern.empty()) {
    for (std::size_t at = text.find(step.text); at != text.npos; at = text.find(step.text, done)) {
      if (!put(at, at + step.text.size())) return too_long(step.path);
    }
  } else {
    RegexMatches matches(step.pattern.front(), text);
    while (true) {
      const auto match = matches.next();
      if (!match) return input_error(fmt::format("{}: {}", step.path, match.error().message));
      if (!*match) break;
      if (!put((*match)->begin, (*match)->end)) return too_long(step.path);
    }
  }
  if (done == 0 && out.empty()) return {};
  out.append(text, done);
  text = std::move(out);
  return {};
}

Expected<void> Normalizer::apply(std::string& text, bool& cut_front, std::size_t most) {
  for (Step& step : steps_) {
    if (text.size() > most) return too_long("normalizer");
    if (const auto* form = std::get_if<Form>(&step)) {
      text = normal_form(text, form->form);
    } else if (std::holds_alternative<Lower>(step)) {
      text = lower_case(text);
    } else if (const auto* prepend = std::get_if<Prepend>(&step)) {
      if (!text.empty()) text.insert(0, prepend->what);
    } else if (const auto* strip = std::get_if<Strip>(&step)) {
      if (strip->right) text.resize(text.size() - trailing_space(text));
      const std::size_t front = strip->left ? leading_space(text) : 0;
      text.erase(0, front);
      cut_front = cut_front || front > 0;
    } else if (auto done = replace(std::get<Replace>(step), text, most); !done) {
      return done;
    }
  }
  return text.size() > most ? too_long("normalizer") : Expected<void>();
}

}  // namespace pastonly::input
