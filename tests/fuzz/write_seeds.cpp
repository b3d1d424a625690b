#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>

#include "fuzz/broken_case.h"
#include "fuzz/tiny_checkpoint.h"
#include "unit/checkpoint/gguf_bytes.h"
#include "unit/input/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using pastonly::fuzz::BrokenCase;

/// The fuzz targets that read such a file.
std::vector<std::string_view> targets(const BrokenCase& broken) {
  if (broken.reader == BrokenCase::Reader::plan) return {"fuzz_plan"};
  if (broken.reader == BrokenCase::Reader::tokens) return {"fuzz_tokens"};
  if (broken.name.ends_with(".npy")) return {"fuzz_npy"};
  if (broken.name.ends_with(".npz")) return {"fuzz_npz"};
  if (broken.name.starts_with("record-") || broken.name.ends_with(".pt")) return {"fuzz_trace"};
  if (broken.name.ends_with(".safetensors")) return {"fuzz_safetensors", "fuzz_trace"};
  return {};
}

}  // namespace

/// Sound documents, one of each kind that fuzz_documents reads.
constexpr std::array<std::string_view, 5> documents{
    "{\"step\": 1, \"loss\": 4.0}\n{\"step\": 2, \"loss\": 3.5}\n",
    "step,loss\n1,4.0\n2,3.5\n",
    R"({"log_history": [{"loss": 4.0, "step": 1}, {"loss": 3.5, "step": 2}]})",
    R"({"schema": "pastonly.experiment/1", "name": "a", "source": "uniform:8", "arms": [{"name": "c {c}",
        "rule": "expert-choice,k=1,chunk={c}", "seeds": [1, 2], "sweep": {"c": [4, 8]}, "against": "c 4"}]})",
    "expert-threshold,thresholds=[0.1;0.2]",
};

/// Small tokenizers.
constexpr std::array<std::string_view, 3> tokenizers{
    R"json({"added_tokens": [{"id": 7, "content": "<e>", "special": true}], "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
          {"type": "Split", "pattern": {"Regex": "(?i:'s)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)"}, "behavior": "Isolated"},
          {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "\u0120": 2, "ab": 3, "\u0120ab": 4, "\u00c3": 5, "\u00a9": 6},
          "merges": ["a b", ["\u0120", "ab"]]}})json",
    R"json({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"},
          {"type": "Replace", "pattern": {"String": " "}, "content": "_"}, {"type": "NFKC"}, {"type": "Lowercase"}]},
        "model": {"type": "BPE", "unk_token": "?", "fuse_unk": true, "byte_fallback": true,
          "vocab": {"?": 0, "a": 1, "_": 2, "_a": 3, "<0xC3>": 4, "<0xA9>": 5}, "merges": ["_ a"]}})json",
    R"json({"added_tokens": [{"id": 2, "content": "ab", "lstrip": true, "rstrip": true, "single_word": true}],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
          {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"},
          {"type": "Punctuation", "behavior": "MergedWithNext"}, {"type": "Digits"}, {"type": "Whitespace"}]},
        "model": {"type": "BPE", "ignore_merges": true, "vocab": {"a": 0, "_": 1}, "merges": []}})json"};
constexpr std::string_view tokenizer_text("\0 ab's \xc3\xa9 ab <e>  12, a\n", 24);

/// Writes the broken files as seeds, DIRECTORY/<target>/<name>.
int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: pastonly_write_seeds DIRECTORY\n";
    return 4;
  }
  constexpr std::size_t largest_seed = 100'000;
  std::size_t written = 0;
  for (const auto& broken : pastonly::fuzz::broken_cases()) {
    for (const auto target : targets(broken)) {
      const auto folder = fs::path(argv[1]) / target;
      fs::create_directories(folder);
      if (broken.files.empty() || broken.files.front().second.size() > largest_seed) continue;
      std::ofstream(folder / broken.name, std::ios::binary) << broken.files.front().second;
      ++written;
    }
  }
  const auto write = [&](std::string_view target, std::string_view document) {
    const auto folder = fs::path(argv[1]) / target;
    fs::create_directories(folder);
    std::ofstream(folder / std::to_string(written++)) << document;
  };
  for (const auto document : documents) write("fuzz_documents", document);
  for (const auto tokenizer : tokenizers)
    write("fuzz_tokenizer", std::string(tokenizer) + std::string(tokenizer_text));
  for (const auto& config : pastonly::fuzz::tiny_configs()) write("fuzz_checkpoint", config);
  write("fuzz_trace", pastonly::fuzz::torch_bytes());
  // One byte of storage size, the storage, a pickle.
  const std::string archive = pastonly::fuzz::torch_bytes();
  const auto pickle = archive.find("\x80\x02"), end = archive.find("PK\x03\x04", pickle);
  write("fuzz_torch",
        std::string(1, '\x60') + std::string(0x60, '\0') + archive.substr(pickle, end - pickle));
  pastonly::checkpoint::GgufBytes gguf;
  gguf.said("general.architecture", "olmoe").count("olmoe.block_count", 2);
  gguf.key("list", gguf.array, gguf.raw<std::uint32_t>(gguf.u8) + gguf.raw<std::uint64_t>(2) + "ab");
  gguf.tensor({"a", {3, 2}, 0, std::string(24, 'x')}).tensor({"b", {64}, 8, std::string(68, 'y')});
  write("fuzz_gguf", gguf.bytes());
  const pastonly::TemporaryDirectory scratch;
  write("fuzz_checkpoint",
        pastonly::fuzz::write_tiny_checkpoint(scratch.path(), pastonly::fuzz::tiny_config("olmoe")));
  std::cout << written << " seeds\n";
  return 0;
}
