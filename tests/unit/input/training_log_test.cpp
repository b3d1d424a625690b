#include "input/text/training_log.h"

#include <cmath>
#include <string>
#include <vector>

#include "catch.h"
#include "input/text/csv.h"

using namespace pastonly;
using namespace pastonly::input;

namespace {

TrainingLog parsed(std::string_view text, LossUnit unit = LossUnit::bits) {
  auto log = parse_training_log(text, "run", unit);
  if (!log) FAIL(log.error().message);
  return *log;
}

std::string problem(std::string_view text) {
  const auto log = parse_training_log(text, "run", LossUnit::bits);
  if (log) return "";
  CHECK(log.error().kind == Error::Kind::input);
  CHECK(log.error().message.starts_with("run: "));
  return log.error().message;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const std::vector<double> step_count{1, 2, 3}, loss_values{4.0, 3.5, 3.25};

}  // namespace

TEST_CASE("training logs in every shape", "[training-log]") {
  for (const auto* text :
       {"{\"step\": 1, \"loss\": 4.0, \"lr\": 1}\n{\"step\": 2, \"loss\": 3.5}\n\n{\"step\": 3, \"loss\": "
        "3.25}\n",
        "{\"step\":1,\"loss\":4}\r\n{\"step\":2,\"eval_loss\":9}\r\n{\"step\":2,\"loss\":3.5}\r\n{\"step\":3,"
        "\"loss\":3.25}",
        "step,loss\n1,4.0\n2,3.5\n3,3.25\n", "time,loss,step\n9,4.0,1\n9,3.5,2\n9,,2\n9,3.25,3",
        "\"step\"\t\"loss\"\n1\t4\n2\t3.5\n3\t3.25\n",
        "{\"best_metric\": null, \"log_history\": [{\"loss\": 4.0, \"step\": 1}, {\"eval_loss\": 1, "
        "\"step\": 1},\n"
        "{\"loss\": 3.5, \"step\": 2}, {\"loss\": 3.25, \"step\": 3}, {\"train_loss\": 3.6, \"step\": 3}]}",
        "[{\"step\": 1, \"loss\": 4.0}, {\"step\": 2, \"loss\": 3.5}, {\"step\": 3, \"loss\": 3.25}]",
        "{\n \"log_history\": [{\"loss\": 4.0, \"step\": 1}, {\"loss\": 3.5, \"step\": 2}, {\"loss\": 3.25, "
        "\"step\": 3}]\n}"}) {
    CAPTURE(text);
    const auto log = parsed(text);
    CHECK(log.steps == step_count);
    CHECK(log.losses == loss_values);
    CHECK(log.loss_key == "loss");
  }
}

TEST_CASE("training logs under other names and in nats", "[training-log]") {
  const auto log =
      parsed("{\"iteration\": 5, \"lm loss\": 1.0}\n{\"iteration\": 6, \"lm loss\": 2.0}", LossUnit::nats);
  CHECK(log.step_key == "iteration");
  CHECK(log.loss_key == "lm loss");
  CHECK(log.losses[0] == Approx(1.0 / std::log(2.0)));
  CHECK(parsed("global_step,train_loss\n1,2").loss_key == "train_loss");
}

TEST_CASE("a resumed run replaces what it repeats", "[training-log]") {
  const auto log = parsed("step,loss\n1,4\n2,3\n3,2\n2,3.5\n3,3.25\n");
  CHECK(log.steps == step_count);
  CHECK(log.losses == loss_values);
}

TEST_CASE("hostile training logs say what is wrong", "[training-log]") {
  CHECK(holds(problem(""), "is empty"));
  CHECK(holds(problem(" \n\t"), "is empty"));
  CHECK(holds(problem("step,loss\n"), "holds no loss"));
  CHECK(holds(problem("a,b\n1,2\n"), "line 1: no column for steps"));
  CHECK(holds(problem("a,b\n1,2\n"), "among a, b"));
  CHECK(holds(problem("step,loss\n1,2\n3\n"), "line 3: 1 fields"));
  CHECK(holds(problem("step,loss\n1,x\n"), "line 2: step and loss must be numbers"));
  CHECK(holds(problem("step,loss\n1,nan\n"), "line 2: the loss is not finite"));
  CHECK(holds(problem("step,loss\n-1,2\n"), "line 2: the step"));
  CHECK(holds(problem("step,loss\n1,2\n2,-0.5\n"), "line 3: the loss is negative"));
  CHECK(holds(problem("{\"step\": 1, \"loss\": -2}"), "line 1: the loss is negative"));
  CHECK(holds(problem("step,loss,loss\n1,2,3\n"), "line 1: several columns are called 'loss'"));
  CHECK(
      holds(problem("{\"step\": 1, \"loss\": null}\n{\"step\": 2, \"loss\": null}"), "'loss' has no value"));
  CHECK(holds(problem("{\"step\": 1, \"loss\": NaN}\n{\"step\": 2, \"loss\": NaN}"), "line 1: "));
  CHECK(holds(problem("{\"step\": 1, \"loss\": NaN}"), "NaN and Infinity are not JSON, and no loss either"));
  CHECK(
      holds(problem("{\"log_history\": [\n{\"step\": 1, \"loss\": NaN}]}"), "NaN and Infinity are not JSON"));
  CHECK(holds(problem("{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"loss\": NaN}"), "line 2"));
  CHECK(holds(problem("{\"step\": 1, \"loss\": 2}\n{\"loss\": 2}"), "line 2: has a loss and no 'step'"));
  CHECK(holds(problem("{\"step\": 1, \"loss\": \"2\"}"), "must be numbers"));
  CHECK(holds(problem("{\"step\": 1, \"loss\": 1e999}"), "line 1: is not a JSON object"));
  CHECK(holds(problem("{\"a\": 1}\n{\"b\": 1}"), "no column for steps"));
  CHECK(holds(problem("{\"log_history\": 3}"), "log_history: is not a list"));
  CHECK(holds(problem("{\"log_history\": [3]}"), "log_history[0]: is not an object"));
  CHECK(holds(problem("{\"log_history\": []}"), "holds no loss"));
  CHECK(holds(problem("[1, 2"), "neither one JSON object a line nor one JSON document"));
  CHECK(holds(problem("{\n\"step\": 1}"), "without 'log_history'"));
  CHECK(holds(problem(std::string("step,loss\n1,\x1b[2J\n")), "must be numbers"));
  CHECK_FALSE(read_training_log("/nonexistent/run.jsonl", LossUnit::nats));
}

TEST_CASE("reading a long log stops when asked to, whatever its form", "[training-log]") {
  std::string lines, list = "{\"log_history\":[", table = "step,loss\n";
  for (int i = 0; i < 20'000; ++i) {
    const std::string record = "{\"step\":" + std::to_string(i) + ",\"loss\":2}";
    lines += record + "\n";
    list += record + ",";
    table += std::to_string(i) + ",2\n";
  }
  list.back() = ']';
  const std::string document = list + "}", spread = "{\n" + document.substr(1);
  for (const std::string& text : {lines, document, spread, table}) {
    CHECK(parse_training_log(text, "run", LossUnit::bits)->steps.size() == 20'000);
    int asked = 0;
    const auto log = parse_training_log(text, "run", LossUnit::bits, [&] { return ++asked == 2; });
    REQUIRE_FALSE(log.has_value());
    CHECK(log.error().kind == Error::Kind::interrupted);
    CHECK(asked == 2);
  }
}

TEST_CASE("fields of a line", "[training-log]") {
  using Fields = std::vector<std::string>;
  CHECK(csv_fields("a, b ,c", ',') == Fields{"a", "b", "c"});
  CHECK(csv_fields("\"a,b\",\"c\"\"d\",", ',') == Fields{"a,b", "c\"d", ""});
  CHECK(csv_fields("", ',') == Fields{""});
  CHECK(csv_fields("\"open,never", ',') == Fields{"open,never"});
}
