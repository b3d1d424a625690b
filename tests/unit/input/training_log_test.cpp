#include "input/text/training_log.h"

#include <cmath>
#include <cstring>
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

TEST_CASE("lines that trainings print", "[training-log]") {
  // As nanochat, modded-nanogpt, Megatron-LM, torchtitan (with its colours) and minGPT print them.
  for (const auto* text :
       {"step 00001/05000 (0.02%) | loss: 4.000000 | lrm: 1.00\nstep 00002/05000 (0.04%) | loss: 3.500000 | "
        "lrm: 1.00\n"
        "Step 00002 | Validation bpb: 1.2345\nstep 00003/05000 (0.06%) | loss: 3.250000 | lrm: 1.00\n",
        "s:1\nstep:1/1770 train_loss:4.0000 train_time:99ms step_avg:nanms\nstep:2/1770 train_loss:3.5000 "
        "train_time:99ms step_avg:9.00ms\n"
        "step:2/1770 val_loss:9.0 train_time:9ms\nstep:3/1770 train_loss:3.2500 train_time:99ms "
        "step_avg:9.00ms\n",
        " [2026-01-01 00:00:00] iteration        1/     100 | consumed samples:  8 | lm loss: 4.000000E+00 | "
        "loss scale: 1.0 |\n"
        " [2026-01-01 00:00:01] iteration        2/     100 | consumed samples: 16 | lm loss: 3.500000E+00 | "
        "loss scale: 1.0 |\n"
        " [2026-01-01 00:00:02] iteration        3/     100 | consumed samples: 24 | lm loss: 3.250000E+00 | "
        "loss scale: 1.0 |\n",
        "[titan] 2026 - root - INFO - \x1b[31mstep:  1  \x1b[32mloss:  4.0000  \x1b[33mgrad_norm: "
        "1.0\x1b[39m\n"
        "[titan] 2026 - root - INFO - \x1b[31mstep:  2  \x1b[32mloss:  3.5000  \x1b[33mgrad_norm: "
        "1.0\x1b[39m\n"
        "[titan] 2026 - root - INFO - \x1b[31mstep:  3  \x1b[32mloss:  3.2500  \x1b[33mgrad_norm: "
        "1.0\x1b[39m\n",
        "number of parameters: 0.09M\niter_dt 0.00ms; iter 1: train loss 4.00000\niter_dt 7.4ms; iter 2: "
        "train loss 3.50000\n"
        "iter_dt 7.4ms; iter 3: train loss 3.25000\n"}) {
    CAPTURE(text);
    const auto log = parsed(text);
    CHECK(log.steps == step_count);
    CHECK(log.losses == loss_values);
  }
  CHECK(holds(problem("nothing of the kind\nhere\n"), "no column for steps"));
  CHECK(holds(problem("step 1 loss: nan\nstep 2 loss: 3\n"), "not finite"));
}

TEST_CASE("exports of a page of runs, and columns that are named", "[training-log]") {
  const std::string_view page =
      "\"Step\",\"one - train/loss\",\"one - train/loss__MIN\",\"one - "
      "train/loss__MAX\"\n\"1\",\"4.0\",\"4\",\"4\"\n"
      "\"2\",\"3.5\",\"3\",\"4\"\n\"3\",\"3.25\",\"3\",\"4\"\n";
  CHECK(parsed(page).losses == loss_values);
  CHECK(parsed(page).loss_key == "one - train/loss");
  const std::string_view two = "Step,one - train/loss,two - train/loss\n1,4.0,5\n2,3.5,5\n3,3.25,5\n";
  CHECK(holds(problem(two),
              "several runs: 'one - train/loss', 'two - train/loss'; name one with --map loss=COLUMN"));
  LogOptions named(LossUnit::bits);
  named.loss = "one - train/loss";
  CHECK(parse_training_log(two, "run", named)->losses == loss_values);
  named.step = "tokens";
  named.loss = "ce";
  CHECK(parse_training_log("tokens,ce,loss\n1,4,9\n2,3.5,9\n3,3.25,9\n", "run", named)->losses ==
        loss_values);
  CHECK(parse_training_log("{\"tokens\": 1, \"ce\": 4, \"loss\": 9}\n{\"tokens\": 2, \"ce\": "
                           "3.5}\n{\"tokens\": 3, \"ce\": 3.25}\n",
                           "run", named)
            ->losses == loss_values);
  CHECK(holds(parse_training_log("step,loss\n1,2\n", "run", named).error().message, "tokens"));
}

TEST_CASE("numbers that are none, as Python writes them", "[training-log]") {
  const auto log = parsed(
      "{\"log_history\": [{\"loss\": 4.0, \"grad_norm\": NaN, \"step\": 1}, {\"loss\": 3.5, \"note\": \"NaN "
      "\\\" Infinity\", \"step\": 2},\n"
      "{\"loss\": 3.25, \"grad_norm\": -Infinity, \"step\": 3}]}");
  CHECK(log.losses == loss_values);
  CHECK(holds(problem("{\"step\": 1, \"loss\": NaN}\n"), "the loss is not finite"));
}

namespace {

std::string record(const std::string& message) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(message.size() >> (8 * i));
  return out + "crc1" + message + "crc2";
}

std::string field(int number, const std::string& bytes) {
  return std::string(1, static_cast<char>(number * 8 + 2)) + std::string(1, static_cast<char>(bytes.size())) +
         bytes;
}

/// An event with one scalar; as a tensor where so told.
std::string event(int step, const std::string& tag, float value, bool tensor) {
  std::string number(4, '\0');
  std::memcpy(number.data(), &value, 4);
  const std::string scalar = tensor ? field(8, std::string("\x08\x01") + field(5, number)) : "\x15" + number;
  return record(std::string("\x10") + static_cast<char>(step) + field(5, field(1, field(1, tag) + scalar)));
}

}  // namespace

TEST_CASE("marks that editors put before a text", "[training-log]") {
  const std::string table = "step,loss\n1,3.0\n2,2.5\n";
  const auto marked = parse_training_log("\xEF\xBB\xBF" + table, "x.csv", LogOptions(LossUnit::bits));
  REQUIRE(marked);
  CHECK(marked->losses.size() == 2);
  const auto wide = parse_training_log(std::string("\xFF\xFEs\0t\0", 6), "x.csv", LogOptions(LossUnit::bits));
  REQUIRE(!wide);
  CHECK(wide.error().message == "x.csv: is in UTF-16; save it in UTF-8");
}

TEST_CASE("event files of TensorBoard", "[training-log]") {
  for (const bool tensor : {false, true}) {
    std::string file = record(std::string(1, '\x09') + std::string(8, '\0') + field(3, "brain.Event:2"));
    file += event(1, "train/loss", 4.0F, tensor) + event(1, "lr", 9.0F, tensor) +
            event(2, "train/loss", 3.5F, tensor) + event(3, "train/loss", 3.25F, tensor);
    CHECK(parsed(file).losses == loss_values);
    CHECK(parsed(file).steps == step_count);
    CHECK(parsed(file).loss_key == "train/loss");
    LogOptions named(LossUnit::bits);
    named.loss = "lr";
    CHECK(parse_training_log(file, "run", named)->losses == std::vector<double>{9.0});
    named.loss = "none";
    CHECK(holds(parse_training_log(file, "run", named).error().message, "there are lr, train/loss"));
    // The last record is being written.
    CHECK(parsed(file.substr(0, file.size() - 5)).steps.size() == 2);
    std::string broken = file;
    broken[broken.size() / 2] = '\xFF';
    const auto log = parse_training_log(broken, "run", LossUnit::bits);
    CHECK((log.has_value() || !log.error().message.empty()));
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
  CHECK(holds(problem("{\"step\": 1, \"loss\": NaN}"), "the loss is not finite"));
  CHECK(holds(problem("{\"log_history\": [\n{\"step\": 1, \"loss\": NaN}]}"), "the loss is not finite"));
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
