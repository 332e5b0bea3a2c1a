// A1111's tags of LoRAs, and those of its extension LoRA Block Weight.
#include "text/prompt/lora_tags.h"

#include <doctest/doctest.h>
#include <string>

#include "corepulse/error.h"

namespace corepulse::text {
namespace {

std::vector<double> blocks(const std::string& behind) {
  std::string prompt = "a cat <lora:style:0.8" + behind + "> in a park";
  const auto tags = take_lora_tags(prompt);
  CHECK(prompt == "a cat  in a park");
  REQUIRE(tags.size() == 1);
  CHECK(tags[0].name == "style");
  CHECK(tags[0].strength == 0.8);
  return tags[0].blocks;
}

bool refused(const std::string& behind) {
  std::string prompt = "<lora:style" + behind + ">";
  try {
    take_lora_tags(prompt);
    return false;
  } catch (const Error& error) {
    return error.code() == ErrorCode::invalid_request && std::string(error.what()).find("[prompt]") == 0;
  }
}

TEST_CASE("a tag says a file, one strength or the text encoder's and the UNet's") {
  std::string prompt = "<lora:a b:0.5:0.8> a cat <lyco:c> <b:1> <lora:d:1:te=0.25>";
  const auto tags = take_lora_tags(prompt);
  CHECK(prompt == " a cat  <b:1> ");
  REQUIRE(tags.size() == 3);
  CHECK(tags[0].name == "a b");
  CHECK(tags[0].text_strength == 0.5);
  CHECK(tags[0].strength == 0.8);
  CHECK(tags[1].strength == 1);
  CHECK(tags[2].text_strength == 0.25);
  for (const auto& tag : tags) CHECK(tag.blocks.empty());
}

TEST_CASE("lbw= says strengths by block, in numbers or by a preset's name") {
  const std::vector<double> sdxl{1, 0, 0, 0.5, 0, 1, -1, 1, 1, 1, 1, 1};
  CHECK(blocks(":lbw=1,0,0,0.5,0, 1,-1,1,1,1,1,1") == sdxl);
  CHECK(blocks(":0.8:lbw=NONE") == std::vector<double>(17, 0));
  CHECK(blocks(":lbw=ALL") == std::vector<double>(17, 1));
  CHECK(blocks(":lbw=ALL0.5") == std::vector<double>(17, 0.5));
  CHECK(blocks(":lbw=INS") == std::vector<double>{1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(blocks(":lbw=IND") == std::vector<double>{1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(blocks(":lbw=INALL") == std::vector<double>{1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(blocks(":lbw=MIDD") == std::vector<double>{1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0});
  CHECK(blocks(":lbw=OUTD") == std::vector<double>{1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0});
  CHECK(blocks(":lbw=OUTS") == std::vector<double>{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
  CHECK(blocks(":lbw=OUTALL") == std::vector<double>{1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1});
}

TEST_CASE("what a tag says that nobody reads is refused") {
  for (const auto* behind : {":much", ":1:1:1", ":lbw=1", ":lbw=", ":lbw=1,2,R", ":lbw=FACE", ":1:stop=10",
                             ":lbw=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", ":lbw=nan,0,0,0,0,0,0,0,0,0,0,0"}) {
    CAPTURE(std::string(behind));
    CHECK(refused(behind));
  }
}

TEST_CASE("a text of many brackets is read once, not from each of them on") {
  // Read anew from each it would be 10^13 bytes.
  const std::string many(4 << 20, '<');
  auto prompt = many + "lora:style:0.5>:" + many;
  const auto tags = take_lora_tags(prompt);
  REQUIRE(tags.size() == 1);
  CHECK(tags[0].name == "style");
  CHECK(prompt == many.substr(1) + ":" + many);
  std::string joined = "<<lora:a:1>lora:b:1> <lora:c<d:1>";
  CHECK(take_lora_tags(joined).size() == 2);
  CHECK(joined == "<lora:b:1> ");
}

}  // namespace
}  // namespace corepulse::text
