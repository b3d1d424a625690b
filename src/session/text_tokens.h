#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "subjects/run_inputs.h"

namespace pastonly::session {

/// --text FILE of a checkpoint: rows that begin anywhere in the text's tokens, by the checkpoint's own
/// tokenizer.json. Input errors name the file and what to do: no tokenizer.json, one that is not supported,
/// text that is not UTF-8 or holds a token that the model does not have, and text that is too short.
Expected<subjects::DrawTokens> text_tokens(const std::filesystem::path& checkpoint, const std::string& text,
                                           std::size_t vocab, std::size_t positions);

/// What these tokens were read from: the tokenizer and the text; nothing where `text` is "".
std::vector<FileRecord> text_files(const std::filesystem::path& checkpoint, const std::string& text);

}  // namespace pastonly::session
