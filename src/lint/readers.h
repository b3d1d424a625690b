#pragma once

#include <string_view>

#include "lint/document.h"
#include "pastonly/error.h"

namespace pastonly::lint {

// One reader for each syntax. Bytes are those of a whole file; errors (input) say what is wrong in which
// line, without the file's name. What a reader adds beyond Document::most_entries is dropped by it, and
// read_document says so.

/// yaml-cpp, by its events: an alias is never expanded, so that no file grows. Several documents of one file
/// become blocks of their own. Text that holds options of a command line is read as one.
Expected<Document> read_yaml(std::string_view text);
/// nlohmann's events; the line of a key is that at which the parser stands when it reports it, counted by the
/// iterator that feeds it. Comments are allowed, as several frameworks write them.
Expected<Document> read_json(std::string_view text);
/// Tables, dotted keys, scalars, lists, inline tables (one level). Keys are known by their last part.
Expected<Document> read_toml(std::string_view text);
/// Of shell scripts: options (--key value), overrides (key=value, as Hydra and MaxText take them) and
/// variables, which are replaced where they are assigned a literal. Nothing is run: branches are all taken,
/// and what is computed is unknown.
Expected<Document> read_shell(std::string_view text);
/// Of Python: keyword arguments of calls, members of dictionaries and classes, assignments; values that are
/// literals or names of enumerations (MoEType.dropless). Nothing is run.
Expected<Document> read_python(std::string_view text);
/// Of gin: bindings, blocks of bindings and macros. Files that it includes are not read.
Expected<Document> read_gin(std::string_view text);
/// Of logs: the arguments as Megatron-LM prints them ("key ...... value"), Namespace(...) and Config(...).
Expected<Document> read_log(std::string_view text);

/// Words of a command line inside a document's text, that begin at this line.
void add_command_line(Document& document, std::size_t block, std::string_view text, std::uint64_t line);
/// Python inside other text (one line of a log).
void add_python(Document& document, std::string_view text, std::uint64_t line);
/// Whether text can hold options: "--" and a letter.
bool holds_options(std::string_view text);

}  // namespace pastonly::lint
