#include <fmt/format.h>

int main() {
  fmt::print("pastonly {}\n", PASTONLY_VERSION);
  return 0;
}
