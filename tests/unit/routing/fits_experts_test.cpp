#include "routing/fits_experts.h"

#include "catch.h"
#include "unit/routing/made.h"

using namespace pastonly;

TEST_CASE("a rule fits layers in which it does what it is named for", "[routing]") {
  const auto why = [](std::string_view text, std::size_t experts) {
    const auto fits = routing::fits_experts(*made(text), experts);
    CHECK((fits || fits.error().kind == Error::Kind::usage));
    return fits ? std::string() : fits.error().message;
  };
  for (const auto* text : {"top-k,k=8", "rank-capacity,k=2,ranks=4,capacity=3", "expert-choice,k=1.5",
                           "group-limited-top-k,k=4,groups=4,topk_groups=2", "biased-top-k,k=2,bias=0.5",
                           "biased-top-k,k=2,bias=[1;2;3;4;5;6;7;8]", "hash,table=[0;7]"}) {
    INFO(text);
    CHECK(why(text, 8) == "");
  }
  for (const auto& [text, part] : std::vector<std::pair<const char*, const char*>>{
           {"top-k,k=9", "k = 9 is more than the 8 experts"},
           {"expert-choice,k=8.5", "k = 8.5 is more than"},
           {"rank-capacity,k=2,ranks=3,capacity=3", "3 ranks do not divide the 8 experts"},
           {"rank-capacity,k=2,ranks=16,capacity=3", "16 ranks do not divide"},
           {"group-limited-top-k,k=2,groups=3,topk_groups=2", "3 groups do not divide"},
           {"group-limited-top-k,k=5,groups=4,topk_groups=2", "the 4 experts of its topk_groups"},
           {"biased-top-k,k=2,bias=[1;2;3]", "bias has 3 values"},
           {"expert-threshold,thresholds=[1;2]", "thresholds has 2 values"},
           {"hash,table=[0;8]", "beyond the 8"}}) {
    INFO(text);
    CHECK(why(text, 8).find(part) != std::string::npos);
  }
  CHECK(why("gshard-top-2,capacity=2", 1).find("needs two experts") != std::string::npos);
}
