// Writes the plan directory or trace file that a recipe describes (tests/toy/README.md).

#include <cstdio>

#include "toy/writer.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: pastonly_toy_plan RECIPE.json OUTPUT\n", stderr);
    return 4;
  }
  const auto recipe = pastonly::toy::read_recipe(argv[1]);
  const auto done = recipe ? pastonly::toy::write(*recipe, argv[2])
                           : pastonly::Expected<void>(tl::unexpected(recipe.error()));
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done.error().kind == pastonly::Error::Kind::usage ? 4 : 2;
}
