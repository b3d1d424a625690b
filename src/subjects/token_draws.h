#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "input/text/token_stream.h"
#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "subjects/run_inputs.h"

namespace pastonly::subjects {

/// Draws from a source of known probabilities. Usage errors as stats::TokenSource::make.
Expected<DrawTokens> draws_from(const Source& source);

/// Rows that begin anywhere in a token stream (input/text/token_stream.h), at least ten of `positions` long.
/// Input errors as for opening it; ids outside the vocabulary anywhere in the stream are found here, not
/// later.
Expected<DrawTokens> draws_from(const std::filesystem::path& path, std::string_view format, std::size_t vocab,
                                std::size_t positions);

/// The same of a stream in memory; `name` stands before messages.
Expected<DrawTokens> draws_from(input::TokenStream stream, const std::string& name, std::size_t positions);

}  // namespace pastonly::subjects
