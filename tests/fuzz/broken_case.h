#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pastonly/error.h"

namespace pastonly::fuzz {

/// A broken input and how it must be refused. All are generated: nothing large is kept.
struct BrokenCase {
  enum class Reader {
    trace,      ///< input::read_trace
    raw_trace,  ///< the same with --shape 4,1,2
    mapped,     ///< the same with --map scores=scores,mask=mask
    plan,       ///< input::read_plan of the directory
    recorded,   ///< open_recorded of the directory, then every run observed
    policy,     ///< input::read_policy
    tokens,     ///< input::open_token_stream as `format`, of the file or of data.bin in the directory
  };
  std::string name;  ///< of the file, or of the directory
  Reader reader = Reader::trace;
  std::vector<std::pair<std::string, std::string>> files;  ///< names and bytes; "" = `name` itself
  std::vector<std::string> mentions;                       ///< what the message names besides the file
  Error::Kind kind = Error::Kind::input;
  std::string format = {};  ///< tokens
};

std::vector<BrokenCase> broken_safetensors();
std::vector<BrokenCase> broken_traces();
std::vector<BrokenCase> broken_npy();
std::vector<BrokenCase> broken_npz();
std::vector<BrokenCase> broken_torch();
std::vector<BrokenCase> broken_records();
std::vector<BrokenCase> broken_plans();
std::vector<BrokenCase> broken_policies();
std::vector<BrokenCase> broken_token_streams();
/// All of the above.
std::vector<BrokenCase> broken_cases();

/// Bytes of a safetensors file: the length of `header`, the header, and `data` zero bytes.
std::string safetensors_bytes(std::string_view header, std::size_t data);
/// One entry of a header: "name":{"dtype":"U8","shape":[2,4],"data_offsets":[0,8]}
std::string entry(std::string_view name, std::string_view dtype, std::string_view shape, std::size_t begin,
                  std::size_t end);
/// Bytes of a .npy file of format 1.0: `dictionary` padded, then `data` zero bytes.
std::string npy_bytes(std::string_view dictionary, std::size_t data);
struct Member {
  std::string name;
  std::string bytes;
  bool deflate = false;
};
/// Bytes of a zip archive.
std::string zip_bytes(const std::vector<Member>& members);
/// A sound file of torch.save: a tensor (4, 3, 2) of int32 zeros.
std::string torch_bytes();

}  // namespace pastonly::fuzz
