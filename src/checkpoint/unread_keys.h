#pragma once

#include "checkpoint/description.h"
#include "input/text/object_reader.h"

namespace pastonly::checkpoint {

/// What stands under keys that no reader asked for, without keys that never change what is audited.
std::vector<std::string> unread_keys(const input::ObjectReader& config);

/// Fills in what the configuration says and no reader asked for, without what cannot change what is audited
/// (the tables in unread_keys.cpp), and the code of its own that it names (auto_map). To be called once
/// everything else was read.
void list_unread(input::ObjectReader& config, Description& out);

}  // namespace pastonly::checkpoint
