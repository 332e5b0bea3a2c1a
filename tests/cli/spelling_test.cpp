// Options as people spell them.

#include "spelling.h"

#include <doctest/doctest.h>

using namespace corepulse::cli;
using Arguments = std::vector<std::string>;

TEST_CASE("names of other programs that mean the same are ours") {
  CHECK(with_own_names({"generate", "--negative-prompt", "blurry", "--cfg_scale=7", "--num_inference_steps", "9"}) ==
        Arguments{"generate", "--negative", "blurry", "--guidance=7", "--steps", "9"});
  const Arguments own{"generate", "-p", "a_cat --cfg", "--steps", "3", "--guidance-rescale", "0.5"};
  CHECK(with_own_names(own) == own);
  CHECK(with_own_names({"--", "--cfg"}) == Arguments{"--", "--cfg"});
}

TEST_CASE("an unknown option names the nearest, or what there is instead") {
  const Arguments valid{"steps", "guidance", "seed", "inject"};
  CHECK(unknown_option("--stpes", valid) == "unknown option --stpes; did you mean --steps?");
  CHECK(unknown_option("--injekt=a", valid) == "unknown option --injekt; did you mean --inject?");
  CHECK(unknown_option("--zzzzzz", valid) == "unknown option --zzzzzz");
  CHECK(unknown_option("--hires-fix", valid).find("--second-pass") != std::string::npos);
  CHECK(unknown_option("--upscales", valid).find("--second-pass") != std::string::npos);
  CHECK(unknown_option("--s", valid) == "unknown option --s");
}
