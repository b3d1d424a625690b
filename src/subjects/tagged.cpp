#include "subjects/tagged.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/trace/tags_file.h"

namespace pastonly::subjects {

Expected<std::unique_ptr<Tagged>> Tagged::make(Subject& subject,
                                               const std::map<std::string, std::string>& files) {
  std::unique_ptr<Tagged> out(new Tagged(subject));
  if (files.empty() || subject.interventions().empty()) return out;  // without a base there is nothing to tag
  const Intervention& base = subject.interventions().front();
  const auto batch = subject.capabilities().live ? subject.outline(base) : subject.observe(base);
  if (!batch) return tl::unexpected(batch.error());
  for (const auto& [name, path] : files) {
    if (std::ranges::count(batch->tags, name, &Tag::name) > 0)
      return usage_error(
          fmt::format("--tags {}={}: {} has tags of that name itself", name, path, batch->path));
    const auto file = input::read_tags(path);
    if (!file) return tl::unexpected(file.error());
    auto tag = input::tag_tokens(*file, name, batch->layout);
    if (!tag) return tl::unexpected(tag.error());
    out->tags_.push_back(*std::move(tag));
  }
  return out;
}

Expected<Trace> Tagged::observe(const Intervention& run) {
  auto trace = subject_.observe(run);
  if (!trace || tags_.empty() || !(run == subject_.interventions().front())) return trace;
  trace->tags.insert(trace->tags.end(), tags_.begin(), tags_.end());
  std::ranges::sort(trace->tags, {}, &Tag::name);
  return trace;
}

}  // namespace pastonly::subjects
