#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/subject.h"
#include "subjects/run_inputs.h"

namespace pastonly::session {

/// Where the tokens of a live subject come from: of --tokens FORMAT:FILE, or of the policy's source, which is
/// set to a uniform one where there is none. Usage errors: a source of more tokens than the vocabulary of
/// `what` ("the checkpoint") has, or as of the token stream.
Expected<subjects::DrawTokens> drawn_tokens(const std::string& tokens, std::uint64_t vocab,
                                            std::size_t positions, const std::string& what, Policy& policy);

/// What --tokens FORMAT:FILE was read from: the file, and Megatron's index beside it; nothing where it is "".
std::vector<FileRecord> token_files(const std::string& tokens);

}  // namespace pastonly::session
