#include "lab/experiment.h"

#include <filesystem>
#include <set>

#include "catch.h"
#include "lab/sweep.h"
#include "model/config_json.h"
#include "unit/input/temporary_directory.h"

namespace pastonly::lab {
namespace {

std::string experiment_text(const std::string& arms, const std::string& more = "") {
  return R"({"schema": "pastonly.experiment/1", "name": "t", "source": "uniform:8", )" + more +
         R"("arms": )" + arms + "}";
}

Experiment sound(const std::string& text) {
  auto parsed = parse_experiment(text, "t.json");
  if (!parsed) FAIL(parsed.error().message);
  return *std::move(parsed);
}

}  // namespace

TEST_CASE("an experiment's seeds are those of every arm that names none", "[lab]") {
  const auto experiment = sound(experiment_text(
      R"([{"name": "a", "rule": "top-k,k=1"}, {"name": "b", "rule": "top-k,k=1", "seeds": [9]}])",
      R"("seeds": [3, 4], )"));
  REQUIRE(experiment.arms.size() == 3);
  CHECK(experiment.arms[0].name == "a, seed 3");
  CHECK(experiment.arms[1].seed == 4);
  CHECK(experiment.arms[1].group == "a");
  CHECK(experiment.arms[2].name == "b");
  CHECK(experiment.arms[2].seed == 9);
}

TEST_CASE("an experiment's sweeps and seeds become arms", "[lab]") {
  const auto experiment = sound(experiment_text(
      R"([{"name": "ec {chunk} {scope}", "rule": "expert-choice,k=2,chunk={chunk},scope={scope}", "seeds": [1, 2],
           "sweep": {"chunk": [8, 16], "scope": ["batch", "sequence"]}, "router": {"score": "sigmoid"},
           "objectives": {"z": 0.5}, "training": {"steps": 7}},
          {"name": "drop {rate}", "rule": "top-k,k=1", "drop_rate": "{rate}", "sweep": {"rate": [0, 0.25]}}])",
      R"("seed": 5, "model": {"experts": 4}, "training": {"objectives": {"balance": 0.1}}, )"));
  REQUIRE(experiment.arms.size() == 10);
  CHECK(experiment.arms[0].name == "ec 8 batch, seed 1");
  CHECK(experiment.arms[7].name == "ec 16 sequence, seed 2");
  CHECK(experiment.arms[7].seed == 2);
  CHECK(experiment.arms[7].group == "ec 16 sequence");
  CHECK(experiment.arms[8].group == experiment.arms[8].name);
  CHECK(experiment.arms[0].model.vocab == 8);
  CHECK(experiment.arms[0].model.experts == 4);
  CHECK(experiment.arms[0].model.router.score == model::Score::sigmoid);
  CHECK(experiment.arms[0].training.objectives.z == 0.5);
  CHECK(experiment.arms[0].training.objectives.balance == 0.1);
  CHECK(experiment.arms[0].training.steps == 7);
  CHECK(experiment.arms[8].drop_rate == 0.0);
  CHECK(experiment.arms[9].drop_rate == 0.25);
  CHECK(experiment.arms[9].seed == 5);
  CHECK(experiment.arms[9].training.objectives.z == 0.0);
  std::set<std::string> keys;
  for (const Arm& arm : experiment.arms) keys.insert(arm_key(experiment, arm));
  CHECK(keys.size() == 10);
}

TEST_CASE("an arm's key follows everything but its name", "[lab]") {
  const std::string arm = R"([{"name": "a", "rule": "top-k,k=2"}])";
  const auto first = sound(experiment_text(arm));
  const auto key = arm_key(first, first.arms[0]);
  const auto renamed = sound(experiment_text(R"([{"name": "b", "rule": "top-k,k=2"}])"));
  CHECK(arm_key(renamed, renamed.arms[0]) == key);
  for (const std::string more :
       {R"("seed": 1, )", R"("batch": {"positions": 32}, )", R"("evaluation": {"batches": 3}, )",
        R"("training": {"clip": 2.0}, )", R"("model": {"layers": 1}, )"}) {
    const auto changed = sound(experiment_text(arm, more));
    CHECK(arm_key(changed, changed.arms[0]) != key);
  }
  // A key of later versions at its default says nothing new, so figures of earlier ones stay.
  const auto noise = [&](const char* flag) {
    const auto told =
        sound(experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "objectives": {"coupling_noise": )" +
                              std::string(flag) + "}}]"));
    const auto read = model::training_config(model::to_json(told.arms[0].training), "again");
    REQUIRE(read);
    CHECK(*read == told.arms[0].training);
    return arm_key(told, told.arms[0]);
  };
  CHECK(noise("true") == key);
  CHECK(noise("false") != key);
}

TEST_CASE("what an experiment cannot say is refused by file and key", "[lab]") {
  const std::string arm = R"([{"name": "a", "rule": "top-k,k=2"}])";
  struct Case {
    std::string text, mention;
  };
  const std::vector<Case> cases{
      {"[]", "object"},
      {experiment_text(arm, R"("sede": 1, )"), "'sede'"},
      {experiment_text(arm, R"("seed": -1, )"), "seed: "},
      {experiment_text(arm, R"("model": {"widht": 8}, )"), "widht"},
      {experiment_text(arm, R"("model": {"vocab": 4}, )"), "vocab"},
      {experiment_text(arm, R"("model": 3, )"), "model"},
      {experiment_text(arm, R"("training": {"steps": "x"}, )"), "steps"},
      {experiment_text(arm, R"("batch": {"rows": 8}, )"), "'batch.rows'"},
      {experiment_text(arm, R"("batch": {"positions": 1}, )"), "batch.positions: "},
      {experiment_text(arm, R"("evaluation": {"batches": 1}, )"), "evaluation.batches: "},
      {experiment_text("[]"), "arms"},
      {experiment_text("[3]"), "arms[0]"},
      {experiment_text(R"([{"rule": "top-k,k=2"}])"), "name: "},
      {experiment_text(R"([{"name": "a", "rule": "top-q,k=2"}])"), "top-q"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2,z=1"}])"), "z"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "chunk": 8}])"), "'chunk'"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "shuffle": 1}])"), "shuffle: "},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "against": "b"}])"), "against"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "drop_rate": 1.0}])"), "drop_rate: "},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "seeds": []}])"), "seeds"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "seeds": 3}])"), "seeds"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2"}])", R"("seeds": [1, "2"], )"), "t.json.seeds"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "router": {"gate": "x"}}])"), "gate"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=2", "sweep": {"k": [1]}}])"), "sweep.k"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k={k}", "sweep": {"k": 1}}])"), "sweep.k"},
      {experiment_text(R"([{"name": "a{k}", "rule": "top-k,k=2", "sweep": {"k": [1, 2]}}])"),
       "its name aside"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k=999"}])"), "k = 999 is more than"},
      {experiment_text(R"([{"name": "a", "rule": "top-k,k={k}", "sweep": {"k": [1, 2]}}])"), "'a'"},
      {experiment_text(R"([{"name": "a", "rule": "biased-top-k,k=2", "shuffle": true,
                            "router": {"update": "before_use"}}])"),
       "before_use"},
      {R"({"schema": "pastonly.experiment/2", "name": "t", "source": "uniform:8", "arms": [{}]})", "schema"},
      {R"({"schema": "pastonly.experiment/1", "name": "t", "source": "zipf:8", "arms": [{}]})", "zipf"},
      {R"({"schema": "pastonly.experiment/1", "name": "t", "arms": [{}]})", "source: "},
  };
  for (const auto& [text, mention] : cases) {
    INFO(text);
    const auto refused = parse_experiment(text, "t.json");
    REQUIRE_FALSE(refused);
    INFO(refused.error().message);
    CHECK(refused.error().kind == Error::Kind::usage);
    CHECK(refused.error().message.find("t.json") != std::string::npos);
    CHECK(refused.error().message.find(mention) != std::string::npos);
  }
}

TEST_CASE("the ready experiments are sound", "[lab]") {
  // Some are of a text that does not come with the sources.
  const TemporaryDirectory directory;
  directory.write("english.txt", std::string(4096, 'a'));
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PASTONLY_SOURCE_DIR "/audits/experiments")) {
    if (entry.path().extension() != ".json") continue;
    INFO(entry.path());
    const auto copy = directory.path() / entry.path().filename();
    std::filesystem::copy_file(entry.path(), copy);
    const auto experiment = read_experiment(copy.string());
    if (!experiment) FAIL(experiment.error().message);
    CHECK(experiment->name == entry.path().stem());
    ++count;
  }
  CHECK(count >= 1);
}

TEST_CASE("a token file is found beside its experiment and hashed", "[lab]") {
  const TemporaryDirectory directory;
  directory.write("text", std::string(4096, 'a'));
  const auto text =
      R"({"schema": "pastonly.experiment/1", "name": "t", "arms": [{"name": "a", "rule": "top-k,k=2"}],
                        "source": {"file": "text", "format": "bytes"}})";
  const auto path = directory.write("t.json", text);
  const auto first = read_experiment(path.string());
  REQUIRE(first);
  CHECK(first->tokens.vocab == 256);
  CHECK(first->arms[0].model.vocab == 256);
  directory.write("text", std::string(4096, 'b'));
  const auto second = read_experiment(path.string());
  REQUIRE(second);
  CHECK(arm_key(*first, first->arms[0]) != arm_key(*second, second->arms[0]));
  std::filesystem::remove(directory.path() / "text");
  const auto without = read_experiment(path.string());
  REQUIRE_FALSE(without);
  CHECK(without.error().kind == Error::Kind::input);
  CHECK(without.error().message.find("source.file") != std::string::npos);
  CHECK(without.error().message.find("docs/lab.md") != std::string::npos);
  CHECK(read_experiment((directory.path() / "none.json").string()).error().kind == Error::Kind::usage);
}

}  // namespace pastonly::lab
