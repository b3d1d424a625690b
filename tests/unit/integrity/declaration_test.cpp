#include "integrity/declaration.h"

#include "catch.h"

using namespace pastonly;

namespace {

Trace declaring(std::string rule) {
  TraceData data;
  data.layout = {1, 2};
  data.rule = std::move(rule);
  data.layers.emplace_back().mask.reset(2, 8);
  Trace trace = make_trace(std::move(data));
  trace.path = "t.safetensors";
  return trace;
}

std::string refused_declaration(std::string rule) {
  Trace trace = declaring(std::move(rule));
  const auto good = integrity::check_declaration(trace);
  CHECK(trace.issues.empty());
  if (good) return "";
  CHECK(good.error().kind == Error::Kind::input);
  CHECK(good.error().message.starts_with("t.safetensors: __metadata__ rule"));
  return good.error().message;
}

std::string noted_declaration(std::string rule) {
  Trace trace = declaring(std::move(rule));
  REQUIRE(integrity::check_declaration(trace));
  REQUIRE(trace.issues.size() == 1);
  CHECK(trace.issues.front().kind == TraceIssue::Kind::oddity);
  CHECK(trace.issues.front().id == "unknown-rule");
  return trace.issues.front().message;
}

}  // namespace

TEST_CASE("a declared rule is one, or the file is refused by name and key", "[integrity]") {
  for (const char* rule :
       {"", R"("top-k,k=2")", R"({"id": "top-k", "k": 2})", R"({"id": "top-k", "parameters": {"k": 2}})",
        R"({"id": "rank-capacity", "k": 2, "ranks": 4, "capacity": 3})",
        R"({"id": "expert-choice", "k": 2, "scope": "document", "separator": 0})"}) {
    INFO(rule);
    CHECK(refused_declaration(rule) == "");
  }
  for (const auto& [rule, part] : std::vector<std::pair<const char*, const char*>>{
           {"top-k,k=2", "not JSON"},
           {R"("top-k,k")", "write KEY=VALUE"},
           {"3", "is not a rule such as"},
           {R"({"rule": "top-k"})", "is not a rule such as"},
           {R"({"id": "top-k", "parameters": 2})", "'parameters' is an object"},
           {R"({"id": "top-k", "k": 2, "parameters": {"k": 2}})", "beside 'id' alone"},
           {R"({"id": "top-k", "k": 0})", "'k' must be"},
           {R"({"id": "top-k", "kk": 2})", "unknown parameter 'kk'"},
           {R"({"id": "top-k", "k": null})", "'k' must be"},
           {R"({"id": "top-k", "k": 9})", "layer 0: rule top-k: k = 9 is more than the 8"},
           {R"({"id": "rank-capacity", "k": 2, "ranks": 3, "capacity": 3})", "3 ranks do not divide"},
           {R"({"id": "sequence-top-k", "k": 2, "padding": "maybe"})", "'padding' must be one of"},
           {R"({"id": "expert-choice", "k": 2, "scope": "document", "separator": -1})",
            "'separator' must be"},
           {R"({"id": "expert-choice", "k": 2, "scope": "document"})", "'separator' is missing"}}) {
    INFO(rule);
    CHECK(refused_declaration(rule).find(part) != std::string::npos);
  }
}

TEST_CASE("a rule that nobody knows is noted, with the nearest that is known", "[integrity]") {
  CHECK(noted_declaration(R"("top-kk,k=2")").find("no rule 'top-kk'; did you mean top-k?") !=
        std::string::npos);
  CHECK(noted_declaration(R"({"id": "Top-K", "k": 2})").find("did you mean top-k?") != std::string::npos);
  CHECK(noted_declaration(R"({"id": "our-own-router", "depth": 3})").find("`pastonly rules`") !=
        std::string::npos);
}
