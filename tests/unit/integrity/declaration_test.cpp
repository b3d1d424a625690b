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
  const auto issue = integrity::check_declaration(declaring(std::move(rule)));
  if (issue) return "";
  CHECK(issue.error().kind == Error::Kind::input);
  CHECK(issue.error().message.starts_with("t.safetensors: __metadata__ rule"));
  return issue.error().message;
}

}  // namespace

TEST_CASE("a declared rule is one, or the file is refused by name and key", "[integrity]") {
  for (const char* rule :
       {"", R"("top-k,k=2")", R"({"id": "top-k", "k": 2})", R"({"id": "top-k", "parameters": {"k": 2}})",
        R"({"id": "rank-capacity", "k": 2, "ranks": 4, "capacity": 3})",
        R"({"id": "expert-choice", "k": 2, "scope": "document", "separator": 0})"}) {
    INFO(rule);
    const auto issue = integrity::check_declaration(declaring(rule));
    REQUIRE(issue);
    CHECK_FALSE(*issue);
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
  const auto near = integrity::check_declaration(declaring(R"("top-kk,k=2")"));
  REQUIRE(near);
  REQUIRE(*near);
  CHECK((*near)->kind == TraceIssue::Kind::oddity);
  CHECK((*near)->id == "unknown-rule");
  CHECK((*near)->message.find("no rule 'top-kk'; did you mean top-k") != std::string::npos);
  const auto capitals = integrity::check_declaration(declaring(R"({"id": "Top-K", "k": 2})"));
  REQUIRE(capitals);
  CHECK((*capitals)->message.find("did you mean top-k") != std::string::npos);
  const auto far = integrity::check_declaration(declaring(R"({"id": "our-own-router", "depth": 3})"));
  REQUIRE(far);
  REQUIRE(*far);
  CHECK((*far)->message.find("`pastonly rules`") != std::string::npos);
}
