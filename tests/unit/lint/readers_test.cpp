#include <string>

#include "catch.h"
#include "lint/judge.h"
#include "lint/read_document.h"

using namespace pastonly::lint;

namespace {

Document read(std::string_view text, Syntax syntax) {
  auto document = read_document(text, syntax);
  INFO((document ? "" : document.error().message));
  REQUIRE(document.has_value());
  return *std::move(document);
}

/// "value@line", with "?" where it is computed, of the first block that has the key.
std::string entry(const Document& document, std::string_view key) {
  for (std::size_t block = 0; block < document.blocks.size(); ++block) {
    if (const Entry* found = document.own(block, key))
      return found->value + "@" + std::to_string(found->line) + (found->known ? "" : "?");
  }
  return "absent";
}

std::string error_of(std::string_view text, Syntax syntax) {
  const auto document = read_document(text, syntax);
  return document ? "" : document.error().message;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("lint reads YAML", "[lint]") {
  const Document document =
      read("# a comment\na-key: 1.5 # more\nlist: [x, \"y z\"]\nnested:\n  deep: {inner: 'null', none: ~}\n",
           Syntax::yaml);
  CHECK(entry(document, "a_key") == "1.5@2");
  CHECK(entry(document, "list") == "x,y z@3");
  CHECK(entry(document, "inner") == "null@5");
  CHECK(entry(document, "none") == "@5");
  // Two documents are two blocks, and do not mix.
  const Document two = read("a: 1\n---\na: 2\n", Syntax::yaml);
  CHECK(two.blocks.size() == 2);
  CHECK(two.own(1, "a")->value == "2");
}

TEST_CASE("lint follows anchors without expanding them", "[lint]") {
  const Document merged =
      read("base: &b {moe_x: 1, y: 2}\nhere:\n  <<: *b\n  y: 3\nscalar: &s 7\nagain: *s\n", Syntax::yaml);
  const std::size_t here = 2;
  CHECK(merged.own(here, "moe_x")->value == "1");
  CHECK(merged.own(here, "y")->value == "3");
  CHECK(entry(merged, "again") == "7@6");
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + "," + before + "," +
            before + "]\n";
  }
  CHECK(read(bomb, Syntax::yaml).blocks.size() == 1);
}

TEST_CASE("lint reads JSON with lines", "[lint]") {
  const Document document =
      read("{\n\t\"a\": 1e-3,\n  // comment\n  \"b\": {\"c\":\n true, \"d\": [1, 2]},\n  \"e\": null }",
           Syntax::json);
  CHECK(entry(document, "a") == "1e-3@2");
  CHECK(entry(document, "c") == "true@4");
  CHECK(entry(document, "d") == "1,2@5");
  CHECK(entry(document, "e") == "@6");
}

TEST_CASE("lint reads TOML", "[lint]") {
  const Document document =
      read("top = 1\n[model]\nname = \"x\"\n[debug]\nflag = true\ninline = { y = 2.5 }\n[[many]]\nz = 3\n",
           Syntax::toml);
  CHECK(entry(document, "name") == "x@3");
  CHECK(entry(document, "flag") == "true@5");
  CHECK(entry(document, "y") == "2.5@6");
  CHECK(entry(document, "z") == "3@8");
  const Document odd = read(
      "'a=b' = [ # why\n  1,\n  [2],\n  'x#y',\n]\n\"\" = \"e\"\ntext = \"\"\"\nq = 1\n\"\"\"\nlast=1 # l\n",
      Syntax::toml);
  CHECK(entry(odd, "a=b") == "1,x#y@1");
  CHECK(entry(odd, "q") == "absent");
  CHECK(entry(odd, "last") == "1@10");
}

TEST_CASE("lint reads shell scripts", "[lint]") {
  const Document document = read(
      "#!/bin/bash\nCF=1.5\nP='posi'tion\nARGS=(\n  --a-b $CF # why\n  --switch\n  --many x y\n)\n"
      "OPTS=\"--c ${P} \\\n  --d ${UNSET:-4}\"\nrun \"${ARGS[@]}\" $OPTS --e=\"$1\" --f $(date) key=5 "
      "+x.y.z=6 \\\n  --g -1\nOTHER=7 run\n",
      Syntax::shell);
  CHECK(entry(document, "a_b") == "1.5@5");
  CHECK(entry(document, "switch") == "true@6");
  CHECK(entry(document, "many") == "x,y@7");
  CHECK(entry(document, "c") == "position@9");
  CHECK(entry(document, "d") == "4@10");
  CHECK(entry(document, "e") == "$1@11?");
  CHECK(entry(document, "f") == "$(date)@11?");
  CHECK(entry(document, "key") == "5@11");
  CHECK(entry(document, "z") == "6@11");
  CHECK(entry(document, "g") == "-1@12");
  CHECK(entry(document, "OTHER") == "absent");
}

TEST_CASE("lint reads lists that hold an option as command lines", "[lint]") {
  for (const auto& [text, syntax] :
       {std::pair{"args: [train.py, 'say \"it\\', --a-b=1, --c, $(C), --d]\n", Syntax::yaml},
        std::pair{"{\"args\": [\"train.py\", \"it's\", \"--a-b=1\", \"--c\", \"$(C)\", \"--d\"]}",
                  Syntax::json}}) {
    const Document document = read(text, syntax);
    CHECK(entry(document, "a_b") == "1@1");
    CHECK(entry(document, "c") == "$(C)@1?");
    CHECK(entry(document, "d") == "true@1");
    CHECK(entry(document, "args") == "absent");
  }
}

TEST_CASE("every item of a list of arguments has the line that it stands in", "[lint]") {
  for (const auto& [text, syntax] :
       {std::pair{"args:\n  - run.py\n\n  - --a=1\n  # why\n  - --b\n  - \"2\"\n", Syntax::yaml},
        std::pair{"{\"args\": [\n\"run.py\",\n\n\"--a=1\",\n\n\"--b\", \"2\"]}", Syntax::json}}) {
    const Document document = read(text, syntax);
    CHECK(entry(document, "a") == "1@4");
    CHECK(entry(document, "b") == "2@6");
  }
  // Lists within lists, far apart: lines are not multiplied by levels.
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "[\"--a\",\n";
  deep += std::string(1 << 20, '\n') + "1";
  for (int i = 0; i < 200; ++i) deep += ",\"--b\"]";
  CHECK(entry(read("{\"args\": " + deep + "}", Syntax::json), "a") != "absent");
}

TEST_CASE("lint leaves out what scripts print, and what nothing uses", "[lint]") {
  const Document document = read(
      "cat <<-'E' >&2\n--a 1\n\tE\necho --b 2 # --c\nX='--d 3'\nX='--e 4'\nY='--f 5'\nif a; then\nZ='--g "
      "6'\nelse\nZ='--h 7'\nfi\n[ a ] && Z=\nrun $X $Z; echo '--i 8' | sh\n",
      Syntax::shell);
  for (const char* key : {"a", "b", "d", "f"}) CHECK(entry(document, key) == "absent");
  CHECK(entry(document, "e") == "4@6");
  CHECK(entry(document, "g") == "6@9");
  CHECK(entry(document, "h") == "7@11");
  CHECK(entry(document, "i") == "8@14");
}

TEST_CASE("lint knows that ** passes what it does not see", "[lint]") {
  const Document document =
      read("import deepspeed\nMoE(h, e, 8, 1, -k, drop_tokens=True, **kw)\nf(x=1)\n", Syntax::python);
  REQUIRE(document.blocks.size() == 3);
  CHECK(document.may_hold(1, "use_rts"));
  CHECK_FALSE(document.may_hold(2, "use_rts"));
  CHECK(entry(document, "num_experts") == "8@2");
  CHECK(entry(document, "k") == "-k@2?");
  CHECK(entry(document, "drop_tokens") == "True@2");
}

TEST_CASE("lint reads Python", "[lint]") {
  const Document document = read(
      "class C(Base):\n    x: int = 3\n    y: Optional[str] = None\n\ndef f(a: bool = True, b=2):\n    if z: "
      "pass\n"
      "    return Made(k=1, e=Kind.dropless, u=args.u, n=-2.5, s='t',\n        d={'in': 1}, l=[1, 'q'], w=1 "
      "+ 1)\n\"\"\"v = 9\nv = 8\"\"\"\ncfg.v2 = 10\n",
      Syntax::python);
  CHECK(entry(document, "x") == "3@2");
  CHECK(entry(document, "y") == "@3");
  CHECK(entry(document, "a") == "True@5");
  CHECK(entry(document, "b") == "2@5");
  CHECK(entry(document, "k") == "1@7");
  CHECK(entry(document, "e") == "dropless@7");
  CHECK(entry(document, "u") == "args.u@7?");
  CHECK(entry(document, "n") == "-2.5@7");
  CHECK(entry(document, "s") == "t@7");
  CHECK(entry(document, "in") == "1@8");
  CHECK(entry(document, "l") == "1,q@8");
  CHECK(entry(document, "w").back() == '?');
  CHECK(entry(document, "v") == "absent");
  CHECK(entry(document, "v2") == "10@11");
}

TEST_CASE("lint reads gin", "[lint]") {
  const Document document = read(
      "N = 2  # two\nscope/mod.Layer.router = @scope/mod.Router()\nmod.Router:\n  k = %N\n  s = 'a # b'\n  u "
      "= %M\n",
      Syntax::gin);
  CHECK(entry(document, "N") == "2@1");
  CHECK(entry(document, "router") == "scope/Router@2");
  CHECK(entry(document, "k") == "2@4");
  CHECK(entry(document, "s") == "a # b@5");
  CHECK(entry(document, "u") == "%M@6?");
}

TEST_CASE("lint reads arguments in logs", "[lint]") {
  const Document document = read(
      "text\n[0]:  a_b ......... 1.0\n  c ............. None\nNamespace(d=2, e=['x', 'y'])\nwhat ... ever\n",
      Syntax::log);
  CHECK(entry(document, "a_b") == "1.0@2");
  CHECK(entry(document, "c") == "@3");
  CHECK(entry(document, "d") == "2@4");
  CHECK(entry(document, "e") == "x,y@4");
}

TEST_CASE("lint refuses what is no configuration", "[lint][hostile]") {
  CHECK(error_of(std::string("a: 1\0b", 6), Syntax::yaml).find("NUL") != std::string::npos);
  CHECK(error_of(std::string(most_bytes + 1, ' '), Syntax::json).find("more than") != std::string::npos);
  CHECK(error_of("{\n \"a\": 1,\n}", Syntax::json).find("line 3") != std::string::npos);
  CHECK(error_of("a: [1\nb: 2", Syntax::yaml).find("line ") != std::string::npos);
  CHECK(error_of("a = \n", Syntax::toml).find("line 1") != std::string::npos);
  CHECK(error_of("", Syntax::json) != "");
}

TEST_CASE("lint survives depth, length and broken text", "[lint][hostile]") {
  const std::size_t deep = 100000;
  for (const Syntax syntax :
       {Syntax::yaml, Syntax::json, Syntax::toml, Syntax::shell, Syntax::python, Syntax::gin, Syntax::log}) {
    for (const std::string& text : {repeated("[", deep),
                                    repeated("{", deep),
                                    repeated("{\"a\":", deep),
                                    repeated("f(", deep),
                                    repeated("$(", deep),
                                    repeated("\"", deep),
                                    repeated("${", deep),
                                    repeated("a=\"$a$a\"\n", 5000),
                                    repeated("--a ", deep),
                                    std::string("\xff\xfe\xc3\x28: \x80"),
                                    repeated("a: &a\n", 2000),
                                    std::string("<<: *a"),
                                    std::string("a: &a\n  <<: *a\n"),
                                    repeated("a.", deep) + "=1",
                                    repeated("- ", deep),
                                    repeated("? ", 2000),
                                    std::string("'unclosed"),
                                    std::string("\"\"\"unclosed"),
                                    std::string("\\"),
                                    std::string("--"),
                                    std::string("= = ="),
                                    std::string("Namespace(")}) {
      const auto document = read_document(text, syntax);
      if (document) judge(*document, {Framework::megatron, Framework::deepspeed});
    }
  }
}
