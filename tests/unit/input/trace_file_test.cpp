#include "input/trace/trace_file.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "catch.h"
#include "fuzz/broken_case.h"
#include "input/tensor/safetensors.h"
#include "integrity/layer_scan.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

using input::read_trace;
using input::TraceOptions;

TraceData sample() {
  TraceData data;
  data.mode = Mode::train;
  data.stage = Stage::dispatched;
  data.vocab = 64;
  data.producer = "a test";
  data.layout = {2, 3, TokenOrder::sequence_major};
  data.tokens = {1, 2, 3, 4, 5, 63};
  data.valid = {1, 1, 1, 1, 1, 0};
  data.log_probs = {std::nan(""), -1.5, -2.0, std::nan(""), -0.25, -3.0};
  for (const std::uint32_t index : {1u, 4u}) {
    TraceData::Layer layer;
    layer.index = LayerIndex{index};
    layer.mask.reset(6, 4);
    for (std::size_t t = 0; t < 6; ++t) {
      layer.mask(t, (t + index) % 4) = 1;
      for (std::size_t e = 0; e < 4; ++e) {
        layer.scores.push_back(static_cast<float>(t * 4 + e) / 24.0f);
        layer.gates.push_back(layer.mask(t, e) != 0 ? 0.5f : 0.0f);
      }
    }
    layer.bias = {0.0f, 0.25f, -0.25f, 0.0f};
    data.layers.push_back(std::move(layer));
  }
  return data;
}

bool has(const Trace& trace, std::string_view id) {
  return std::any_of(trace.issues.begin(), trace.issues.end(),
                     [&](const TraceIssue& issue) { return issue.id == id; });
}

template <class T>
std::string npy(std::string_view descr, std::string_view shape, const std::vector<T>& values,
                bool fortran = false) {
  auto bytes = fuzz::npy_bytes("{'descr': '" + std::string(descr) + "', 'fortran_order': " +
                                   (fortran ? "True" : "False") + ", 'shape': " + std::string(shape) + "}",
                               0);
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return bytes;
}

TEST_CASE("a written trace reads back as it was, bit for bit", "[input]") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.safetensors";
  const TraceData data = sample();
  REQUIRE(input::write_trace(path, data));
  const auto trace = read_trace(path);
  REQUIRE(trace);
  const Trace expected = make_trace(data);
  CHECK(trace->mode == Mode::train);
  CHECK(trace->stage == Stage::dispatched);
  CHECK(trace->vocab == 64);
  CHECK(trace->producer == "a test");
  CHECK(trace->layout == data.layout);
  CHECK(trace->order_known);
  CHECK(trace->tokens == data.tokens);
  CHECK(trace->valid == data.valid);
  CHECK(trace->issues.empty());
  REQUIRE(trace->log_probs.size() == 6);
  CHECK(std::isnan(trace->log_probs[0]));
  CHECK(trace->log_probs[4] == -0.25);
  REQUIRE(trace->layers.size() == 2);
  std::vector<float> one, other;
  for (std::size_t l = 0; l < 2; ++l) {
    CHECK(trace->layers[l].index == data.layers[l].index);
    CHECK(trace->layers[l].bias == data.layers[l].bias);
    CHECK(read_mask(trace->layers[l]) == read_mask(expected.layers[l]));
    const auto scores = read_floats(*trace->layers[l].scores, 0, 6, one);
    CHECK(one.empty());  // in place: the writer aligns
    CHECK(std::equal(scores.data(), scores.data() + 24, data.layers[l].scores.data()));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);  // nothing left aside
}

TEST_CASE("tokens of a plan's input read back, wide ids included", "[input]") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "0000.in.safetensors";
  const std::vector<std::int64_t> tokens{1, std::int64_t{1} << 40, 3, 4};
  REQUIRE(input::write_tokens(path, {2, 2, TokenOrder::batch_major}, tokens, {1, 1, 1, 0}));
  const auto read = input::read_tokens(path);
  REQUIRE(read);
  CHECK(read->tokens == tokens);
  CHECK(read->valid == std::vector<std::uint8_t>{1, 1, 1, 0});
  CHECK(read->layout.sequences == 2);
}

TEST_CASE("what a file does not say stays unknown until a flag says it", "[input]") {
  const TemporaryDirectory directory;
  const auto path = directory.write(
      "x.npz",
      fuzz::zip_bytes({{"s.npy", npy<float>("<f4", "(4, 2)", {1, 2, 3, 4, 5, 6, 7, 8}), true},
                       {"m.npy", npy<std::uint8_t>("|u1", "(4, 2)", {1, 0, 0, 1, 1, 0, 0, 1}), false},
                       {"more.npy", "garbage that nobody asked for", true}}));
  TraceOptions options;
  options.map = {{"scores", "s"}, {"mask", "m"}};
  auto trace = read_trace(path, options);
  REQUIRE(trace);
  CHECK(trace->mode == Mode::unknown);
  CHECK(trace->stage == Stage::unknown);
  CHECK_FALSE(trace->order_known);
  CHECK(trace->layout.sequences == 1);
  CHECK(has(*trace, "batch-unknown"));
  CHECK(read_mask(trace->layers[0])(3, 1) == 1);

  options.batch = 2;
  options.order = TokenOrder::sequence_major;
  options.mode = Mode::eval;
  options.stage = Stage::selected;
  trace = read_trace(path, options);
  REQUIRE(trace);
  CHECK(trace->layout == Layout{2, 2, TokenOrder::sequence_major});
  CHECK(trace->order_known);
  CHECK(trace->mode == Mode::eval);
  CHECK(trace->issues.empty());
  std::vector<float> scratch;
  const auto scores = read_floats(*trace->layers[0].scores, 0, 4, scratch);
  CHECK(scores(1, 0) == 5.0f);  // sequence 0, position 1: the third row of the file

  options.batch = 3;
  const auto refused = read_trace(path, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().message.find("--batch 3") != std::string::npos);
}

TEST_CASE("a flag that contradicts the file is refused", "[input]") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.safetensors";
  REQUIRE(input::write_trace(path, sample()));
  TraceOptions options;
  options.mode = Mode::eval;
  auto refused = read_trace(path, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().message.find("--mode eval") != std::string::npos);
  options = {};
  options.mode = Mode::train;
  options.batch = 2;
  CHECK(read_trace(path, options));
  options.shape = {1, 2};
  CHECK_FALSE(read_trace(path, options));
  options = {};
  options.experts = sample().layers.front().mask.experts();
  CHECK(read_trace(path, options));
  options.experts = *options.experts + 1;
  refused = read_trace(path, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().message.find("--experts ") != std::string::npos);
}

TEST_CASE("serving engines' routed experts: .npy and raw int32", "[input]") {
  const TemporaryDirectory directory;
  // (tokens 3, layers 2, choices 2)
  const std::vector<std::int32_t> ids{0, 1, 2, 3, 1, 0, -1, -1, 3, 2, 0, 3};
  const auto array = directory.write("e.npy", npy("<i4", "(3, 2, 2)", ids));
  auto trace = read_trace(array);
  REQUIRE(trace);
  REQUIRE(trace->layers.size() == 2);
  CHECK(trace->layers[1].experts == 4);
  CHECK(has(*trace, "experts-inferred"));
  CHECK(has(*trace, "foreign-format"));
  const auto mask = read_mask(trace->layers[1]);
  CHECK(std::vector<int>(mask.view().data(), mask.view().data() + 12) ==
        std::vector<int>{0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 1});

  TraceOptions options;
  options.shape = {3, 2, 2};
  options.experts = 8;
  const auto raw_file = directory.write("e.bin", {reinterpret_cast<const char*>(ids.data()), ids.size() * 4});
  trace = read_trace(raw_file, options);
  REQUIRE(trace);
  CHECK(trace->layers[0].experts == 8);
  const auto given = read_trace(raw_file);
  REQUIRE_FALSE(given);
  CHECK(given.error().message.find("--shape") != std::string::npos);
}

TEST_CASE("K copies of expert 0 stand for what was not routed", "[input]") {
  const TemporaryDirectory directory;
  // (tokens 4, layers 3, choices 2): layer 0 has no experts; token 3 was not run; layer 2 lost token 1.
  const std::vector<std::int32_t> ids{0, 0, 1, 2, 3, 1, 0, 0, 2, 3, 0, 0, 0, 0, 0, 3, 1, 2, 0, 0, 0, 0, 0, 0};
  const auto trace = read_trace(directory.write("e.npy", npy("<i4", "(4, 3, 2)", ids)));
  REQUIRE(trace);
  REQUIRE(trace->layers.size() == 2);
  CHECK(raw(trace->layers.front().index) == 1);
  CHECK(has(*trace, "placeholder-layer"));
  CHECK(has(*trace, "placeholder-tokens"));
  CHECK(trace->valid == std::vector<std::uint8_t>{1, 1, 1, 0});
  const auto mask = read_mask(trace->layers[1]);
  for (std::size_t e = 0; e < 4; ++e) CHECK(mask(1, e) == 0);
  const auto scan = integrity::scan_layer(*trace, trace->layers[1]);
  CHECK(scan.issue_counts[integrity::IssueKind::placeholder].count == 1);
  CHECK(scan.issue_counts[integrity::IssueKind::repeated_expert].count == 0);
  CHECK(scan.issue_counts[integrity::IssueKind::unrouted_token].count == 0);
  // One choice: expert 0 like any other.
  const auto single = read_trace(directory.write("k.npy", npy<std::int32_t>("<i4", "(3, 1, 1)", {0, 0, 1})));
  REQUIRE(single);
  CHECK(single->valid.empty());
  CHECK(read_mask(single->layers[0])(0, 0) == 1);
  // Any other repetition remains one.
  const auto twice =
      read_trace(directory.write("t.npy", npy<std::int32_t>("<i4", "(2, 1, 2)", {1, 1, 0, 2})));
  REQUIRE(twice);
  CHECK(integrity::scan_layer(*twice, twice->layers[0])
            .issue_counts[integrity::IssueKind::repeated_expert]
            .count == 1);
  const auto nothing =
      read_trace(directory.write("z.npy", npy<std::int32_t>("<i4", "(2, 1, 2)", {0, 0, 0, 0})));
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().message.find("nothing was routed") != std::string::npos);
}

TEST_CASE("an id beyond 2^63 is out of range, and no mark of none", "[input]") {
  const TemporaryDirectory directory;
  TraceOptions options;
  options.experts = 8;
  const auto trace = read_trace(
      directory.write("u.npy", npy<std::uint64_t>("<u8", "(2, 1, 2)", {0, ~std::uint64_t{0}, 1, 2})),
      options);
  REQUIRE(trace);
  const auto scan = integrity::scan_layer(*trace, trace->layers[0]);
  CHECK(scan.issue_counts[integrity::IssueKind::expert_out_of_range].count == 1);
}

TEST_CASE("255 is no expert in bytes, unless the ids below reach up to it", "[input]") {
  const TemporaryDirectory directory;
  auto trace = read_trace(directory.write("a.npy", npy<std::uint8_t>("|u1", "(2, 1, 2)", {0, 7, 255, 3})));
  REQUIRE(trace);
  CHECK(trace->layers[0].experts == 8);
  trace = read_trace(directory.write("b.npy", npy<std::uint8_t>("|u1", "(2, 1, 2)", {0, 254, 255, 3})));
  REQUIRE(trace);
  CHECK(trace->layers[0].experts == 256);
}

TEST_CASE("rows of -1 in routed experts are tokens without a decision, in every layer", "[input]") {
  const TemporaryDirectory directory;
  // Three tokens of two layers: the second has no decision in the second layer.
  auto trace = read_trace(directory.write(
      "a.npy", npy<std::int16_t>("<i2", "(3, 2, 2)", {0, 1, 2, 3, 1, 2, -1, -1, 3, 0, 1, -1})));
  REQUIRE(trace);
  CHECK(trace->valid == std::vector<std::uint8_t>{1, 0, 1});
  CHECK(has(*trace, "placeholder-tokens"));
  // In unsigned types -1 has wrapped around.
  trace = read_trace(directory.write("b.npy", npy<std::uint8_t>("|u1", "(3, 1, 2)", {0, 1, 255, 255, 3, 0})));
  REQUIRE(trace);
  CHECK(trace->valid == std::vector<std::uint8_t>{1, 0, 1});
  const auto nothing =
      read_trace(directory.write("c.npy", npy<std::int8_t>("|i1", "(2, 1, 2)", {-1, -1, -1, -1})));
  REQUIRE_FALSE(nothing);
  // Four dimensions say how many sequences there are.
  trace = read_trace(
      directory.write("d.npy", npy<std::int32_t>("<i4", "(2, 1, 2, 2)", {0, 1, 2, 3, 1, 3, 2, 0})));
  REQUIRE(trace);
  CHECK(trace->layout.sequences == 2);
  REQUIRE(trace->layers.size() == 2);
  std::vector<std::int64_t> scratch;
  CHECK(read_integers(*trace->layers[1].chosen, 1, 1, scratch)(0, 0) == 2);
}

TEST_CASE("an engine that records one position less shortens the trace, and says so", "[input]") {
  const TemporaryDirectory directory;
  const std::string header = "{\"__metadata__\":{\"schema\":\"pastonly.trace/1\"}," +
                             fuzz::entry("tokens", "U16", "[2,4]", 0, 16) + "," +
                             fuzz::entry("layers.0.mask", "U8", "[2,3,4]", 16, 40) + "," +
                             fuzz::entry("layers.2.mask", "U8", "[6,4]", 40, 64) + "}";
  std::string bytes = fuzz::safetensors_bytes(header, 64);
  for (std::size_t i = 0; i < 8; ++i) bytes[bytes.size() - 64 + i * 2] = static_cast<char>(10 + i);
  const auto trace = read_trace(directory.write("short.safetensors", bytes));
  REQUIRE(trace);
  CHECK(has(*trace, "row-short"));
  CHECK(trace->layout.positions == 3);
  CHECK(trace->tokens == std::vector<std::int64_t>{10, 11, 12, 14, 15, 16});
}

TEST_CASE("router logits per layer, with selection applied as told", "[input]") {
  const TemporaryDirectory directory;
  const auto path = directory.write(
      "logits.npz",
      fuzz::zip_bytes({{"arr_1.npy", npy<float>("<f4", "(2, 3)", {3, 1, 2, 5, 5, 4}), false},
                       {"arr_0.npy", npy<float>("<f4", "(2, 3)", {1, 2, 3, std::nanf(""), 0, 1}), false}}));
  auto given = read_trace(path);
  REQUIRE_FALSE(given);
  CHECK(given.error().kind == Error::Kind::usage);
  CHECK(given.error().message.find("--top-k") != std::string::npos);
  TraceOptions options;
  options.top_k = 1;
  const auto trace = read_trace(path, options);
  REQUIRE(trace);
  REQUIRE(trace->layers.size() == 2);
  CHECK(trace->layers[0].selection_applied);
  CHECK(trace->layers[0].logits);
  CHECK(has(*trace, "selection-applied"));
  CHECK(read_mask(trace->layers[0])(0, 2) == 1);
  CHECK(read_mask(trace->layers[0])(1, 2) == 1);  // NaN ranks last
  CHECK(read_mask(trace->layers[1])(1, 0) == 1);  // ties go to the lower index
  CHECK(read_mask(trace->layers[1])(1, 1) == 0);
  options.top_k = 4;
  CHECK_FALSE(read_trace(path, options));
}

TEST_CASE("a metadata key that no trace has is noted in a trace that says it is one", "[input]") {
  const TemporaryDirectory directory;
  const auto noted = [&](const std::string& metadata) {
    auto bytes = fuzz::safetensors_bytes(
        "{\"__metadata__\":{" + metadata + "}," + fuzz::entry("layers.0.mask", "U8", "[1,2,4]", 0, 8) + "}",
        8);
    std::fill(bytes.end() - 8, bytes.end(), decltype(bytes)::value_type{});
    const auto trace = read_trace(directory.write("m.safetensors", bytes));
    REQUIRE(trace);
    const auto issue = std::ranges::find(trace->issues, "unknown-metadata", &TraceIssue::id);
    return issue == trace->issues.end() ? std::string() : issue->message;
  };
  CHECK(noted(R"("schema":"pastonly.trace/1","rul":"x")").find("__metadata__ rul is not") !=
        std::string::npos);
  CHECK(noted(R"("schema":"pastonly.trace/1","rul":"x")").find("did you mean rule") != std::string::npos);
  CHECK(noted(R"("schema":"pastonly.trace/1","producer":"x")") == "");
  CHECK(noted(R"("format":"pt")") == "");
}

TEST_CASE("a declared rule stands in for --top-k", "[input]") {
  const TemporaryDirectory directory;
  const auto written = [&](std::string_view rule) {
    const std::string header =
        "{\"__metadata__\":{\"schema\":\"pastonly.trace/1\",\"rule\":" + std::string(rule) + "}," +
        fuzz::entry("layers.0.scores", "F32", "[1,2,4]", 0, 32) + "}";
    auto bytes = fuzz::safetensors_bytes(header, 32);
    const float scores[8] = {0.1f, 0.4f, 0.3f, 0.2f, 0.25f, 0.25f, 0.4f, 0.1f};
    std::memcpy(bytes.data() + bytes.size() - 32, scores, 32);
    return read_trace(directory.write("r.safetensors", bytes));
  };
  for (const char* rule : {R"("{\"id\": \"top-k\", \"k\": 2}")",
                           R"("{\"id\": \"top-k\", \"parameters\": {\"k\": 2}}")", R"("\"top-k,k=2\"")"}) {
    const auto trace = written(rule);
    INFO(rule << (trace ? "" : trace.error().message));
    REQUIRE(trace);
    CHECK(has(*trace, "selection-applied"));
    const auto mask = read_mask(trace->layers[0]);
    CHECK(std::vector<int>(mask.view().data(), mask.view().data() + 8) ==
          std::vector<int>{0, 1, 1, 0, 1, 0, 1, 0});
  }
  for (const char* rule :
       {R"("top-2")", R"("{\"id\": \"no-such-rule\"}")", R"("{\"id\": \"top-k\", \"kk\": 2}")"}) {
    const auto refused = written(rule);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::input);
    CHECK(refused.error().message.find("--top-k") != std::string::npos);
  }
}

TEST_CASE("--top-k is refused where the file holds decisions", "[input]") {
  const TemporaryDirectory directory;
  const auto mask = npy<std::uint8_t>("|b1", "(1, 2, 2)", {1, 0, 0, 1});
  const auto path = directory.write("d.npz", fuzz::zip_bytes({{"layers.0.mask.npy", mask, false}}));
  CHECK(read_trace(path));
  TraceOptions options;
  options.top_k = 1;
  const auto refused = read_trace(path, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().message.find("holds decisions") != std::string::npos);
}

TEST_CASE("--map names layers by number and refuses what it does not know", "[input]") {
  const TemporaryDirectory directory;
  const auto mask = npy<std::uint8_t>("|b1", "(1, 2, 2)", {1, 0, 0, 1});
  const auto path = directory.write("m.npz", fuzz::zip_bytes({{"blk.3.assign.npy", mask, false},
                                                              {"blk.11.assign.npy", mask, true},
                                                              {"blk.x.assign.npy", mask, true}}));
  TraceOptions options;
  options.map = {{"mask", "blk.{layer}.assign"}};
  const auto trace = read_trace(path, options);
  REQUIRE(trace);
  REQUIRE(trace->layers.size() == 2);
  CHECK(raw(trace->layers[0].index) == 3);
  CHECK(raw(trace->layers[1].index) == 11);
  CHECK(trace->order_known);  // one sequence has one order
  options.map = {{"masks", "blk.{layer}.assign"}};
  auto refused = read_trace(path, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  options.map = {{"mask", "assign"}};
  refused = read_trace(path, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().message.find("blk.11.assign") != std::string::npos);
}

TEST_CASE("arrays in Fortran order are read as what they mean", "[input]") {
  const TemporaryDirectory directory;
  const auto path = directory.write(
      "f.npy", npy<std::int32_t>("<i4", "(2, 3, 2)", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, true));
  const auto trace = read_trace(path);
  REQUIRE(trace);
  std::vector<std::int64_t> scratch;
  // numpy.arange(12).reshape((2, 3, 2), order='F')[1, 2] == [5, 11]
  const auto ids = read_integers(*trace->layers[2].chosen, 1, 1, scratch);
  CHECK(ids(0, 0) == 5);
  CHECK(ids(0, 1) == 11);
}

TEST_CASE("safetensors accepts what is unusual and sound", "[input]") {
  const auto parse = [](const std::string& bytes) {
    return input::parse_safetensors(std::as_bytes(std::span(bytes)), "memory");
  };
  const auto scalar =
      parse(fuzz::safetensors_bytes("{" + fuzz::entry("scalar", "F64", "[]", 0, 8) + "}    ", 8));
  REQUIRE(scalar);
  CHECK(scalar->find("scalar")->shape.empty());
  const auto empty = parse(fuzz::safetensors_bytes(
      "{" + fuzz::entry("a", "F32", "[0,5]", 0, 0) + "," + fuzz::entry("b", "U8", "[3]", 0, 3) + "}", 3));
  REQUIRE(empty);
  CHECK(empty->tensors.size() == 2);
  const auto foreign = parse(fuzz::safetensors_bytes(
      "{" + fuzz::entry("q", "F8_E4M3", "[3]", 0, 3) + "," + fuzz::entry("p", "F4", "[2]", 3, 4) + "}", 4));
  REQUIRE(foreign);
  CHECK(foreign->tensors.empty());
  CHECK(foreign->others.size() == 2);
  CHECK(parse(fuzz::safetensors_bytes(
      R"({"a":{"dtype":"U8","note":{"x":[1,{}]},"shape":[1],"data_offsets":[0,1]}})", 1)));
  CHECK(parse(fuzz::safetensors_bytes("{}", 0)));
}

}  // namespace
}  // namespace pastonly
