#include "session/drawn_tokens.h"

#include <fmt/format.h>

#include <filesystem>

#include "subjects/file_record.h"
#include "subjects/token_draws.h"

namespace pastonly::session {

Expected<subjects::DrawTokens> drawn_tokens(const std::string& tokens, std::uint64_t vocab,
                                            std::size_t positions, const std::string& what, Policy& policy) {
  if (!tokens.empty()) {
    const std::size_t colon = tokens.find(':');
    if (colon == std::string::npos || colon + 1 == tokens.size())
      return usage_error(fmt::format("--tokens {}: expected FORMAT:FILE, for example npy:ids.npy", tokens));
    return subjects::draws_from(tokens.substr(colon + 1), tokens.substr(0, colon), vocab, positions);
  }
  if (!policy.source) {
    policy.source = Source{"uniform", vocab};
  } else if (policy.source->vocab > vocab) {
    return usage_error(
        fmt::format("the source has {} tokens, {}'s vocabulary {}", policy.source->vocab, what, vocab));
  }
  return subjects::draws_from(*policy.source);
}

std::vector<FileRecord> token_files(const std::string& tokens) {
  const std::size_t colon = tokens.find(':');
  if (colon == std::string::npos) return {};
  std::filesystem::path path = tokens.substr(colon + 1);
  std::vector<FileRecord> out{subjects::record_file(path)};
  if (tokens.substr(0, colon) == "megatron")
    out.push_back(subjects::record_file(path.replace_extension(".idx")));
  return out;
}

}  // namespace pastonly::session
