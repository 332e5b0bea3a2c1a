// Selectors on the layer tables of SD1.5 and SDXL.
#include "control/program/selector.h"

#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "support.h"

namespace corepulse::control::test {
namespace {

const std::vector<Site>& sd15() {
  static const auto sites = sd15_sites();
  return sites;
}
const std::vector<Site>& sdxl() {
  static const auto sites = sdxl_sites();
  return sites;
}

std::vector<int> chosen(const std::vector<Site>& sites, const std::string& selector,
                        AttentionKind attention = AttentionKind::cross, int latent = 64) {
  const SiteTable table(sites, latent, latent);
  const auto bits = select(table, selector, attention, "where");
  std::vector<int> all;
  for (size_t i = 0; i < bits.size(); ++i)
    if (bits[i]) all.push_back(static_cast<int>(i));
  return all;
}

int count(const std::vector<Site>& sites, const std::string& selector, int latent = 64) {
  return static_cast<int>(chosen(sites, selector, AttentionKind::cross, latent).size());
}

std::string error(const std::vector<Site>& sites, const std::string& selector,
                  AttentionKind attention = AttentionKind::cross) {
  try {
    chosen(sites, selector, attention);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("SD1.5 has 16 cross-attention layers and SDXL 70, block by block as CorePulse counts") {
  CHECK(count(sd15(), "all") == 16);
  CHECK(count(sd15(), "") == 16);
  const std::pair<const char*, int> small[] = {{"input:0", 2},  {"input:1", 2},  {"input:2", 2}, {"middle:0", 1},
                                               {"output:1", 3}, {"output:2", 3}, {"output:3", 3}};
  for (const auto& [block, n] : small) CHECK(count(sd15(), block) == n);
  CHECK(count(sdxl(), "all", 128) == 70);
  const std::pair<const char*, int> large[] = {
      {"input:1", 4}, {"input:2", 20}, {"middle:0", 10}, {"output:0", 30}, {"output:1", 6}};
  for (const auto& [block, n] : large) CHECK(count(sdxl(), block, 128) == n);
}

TEST_CASE("every spelling of a layer names the same layers") {
  CHECK(chosen(sd15(), "input:1") == chosen(sd15(), "down_blocks.1"));
  CHECK(chosen(sd15(), "middle:0") == chosen(sd15(), "mid_block"));
  CHECK(chosen(sd15(), "output:1") == chosen(sd15(), "up_blocks.1"));
  CHECK(chosen(sd15(), "input:1") == chosen(sd15(), "ldm:input_4, ldm:input_5"));
  CHECK(chosen(sd15(), "output:1") == chosen(sd15(), "ldm:output_3,ldm:output_4,ldm:output_5"));
  CHECK(chosen(sd15(), "middle:0") == chosen(sd15(), "ldm:middle_0"));
  CHECK(chosen(sd15(), "input:1.0") == chosen(sd15(), "ldm:input_4"));
  CHECK(chosen(sdxl(), "output:0.2#7") == chosen(sdxl(), "up_blocks.0.attentions.2.transformer_blocks.7.attn2"));
  CHECK(count(sdxl(), "output:0.2#7") == 1);
  CHECK(count(sdxl(), "output:0.2") == 10);
  CHECK(chosen(sdxl(), "up_blocks.0.attentions.2") == chosen(sdxl(), "output:0.2"));
}

TEST_CASE("groups are unions of blocks or of token grids at this picture's size") {
  CHECK(chosen(sd15(), "composition") == chosen(sd15(), "input:0, input:1, input:2"));
  CHECK(chosen(sd15(), "input") == chosen(sd15(), "composition"));
  CHECK(chosen(sd15(), "middle") == chosen(sd15(), "content"));
  CHECK(chosen(sd15(), "output") == chosen(sd15(), "style"));
  CHECK(chosen(sd15(), "content") == chosen(sd15(), "middle:0"));
  CHECK(chosen(sd15(), "style") == chosen(sd15(), "output:1, output:2, output:3"));
  CHECK(chosen(sd15(), "fine") == chosen(sd15(), "input:0, output:3"));
  CHECK(chosen(sd15(), "coarse") == chosen(sd15(), "middle:0"));
  CHECK(chosen(sd15(), "mid") == chosen(sd15(), "input:1, input:2, output:1, output:2"));
  CHECK(chosen(sd15(), "grid:32") == chosen(sd15(), "input:1, output:2"));
  CHECK(chosen(sd15(), "grid:48", AttentionKind::cross, 96) == chosen(sd15(), "grid:32"));
}

TEST_CASE("all is the union of its parts, and order and repetition do not matter") {
  CHECK(chosen(sd15(), "style, content, composition") == chosen(sd15(), "all"));
  CHECK(chosen(sd15(), "fine,mid,coarse") == chosen(sd15(), "all"));
  CHECK(chosen(sd15(), "middle:0,input:1,middle:0") == chosen(sd15(), "input:1, middle:0"));
}

TEST_CASE("a control takes the layers of its own attention only") {
  const auto self = chosen(sd15(), "middle:0", AttentionKind::self);
  CHECK(self.size() == 1);
  CHECK(sd15()[self[0]].path == "mid_block.attentions.0.transformer_blocks.0.attn1");
  CHECK(chosen(sd15(), "all", AttentionKind::both).size() == 32);
  CHECK(error(sd15(), "mid_block.attentions.0.transformer_blocks.0.attn1") ==
        "[where] \"mid_block.attentions.0.transformer_blocks.0.attn1\" names self-attention layers "
        "only; expected cross-attention (attn2)");
}

TEST_CASE("unknown layers are errors that list the valid ones of the same form") {
  CHECK(error(sd15(), "input:4") ==
        "[where] \"input:4\" names no attention layer of this model; valid: input:0, input:1, "
        "input:2, middle:0, output:1, output:2, output:3, composition, content, style, coarse, mid, "
        "fine, all (did you mean input:0?)");
  CHECK(error(sdxl(), "output:2").find("valid: input:1, input:2, middle:0, output:0, output:1") != std::string::npos);
  CHECK(error(sd15(), "input:1.2").find("input:1.0, input:1.1") != std::string::npos);
  CHECK(error(sd15(), "ldm:input_3").find("ldm:input_1, ldm:input_2, ldm:input_4") != std::string::npos);
  CHECK(error(sd15(), "grid:31").find("valid: grid:64, grid:32, grid:16, grid:8") != std::string::npos);
  CHECK(error(sd15(), "up_blocks.0").find("valid: up_blocks.1, up_blocks.2, up_blocks.3") != std::string::npos);
  CHECK(error(sd15(), "down_block.1")
            .find("valid: down_blocks.0, down_blocks.1, down_blocks.2, "
                  "mid_block, up_blocks.1") != std::string::npos);
  CHECK(error(sd15(), "up_blocks.1.attentions.5")
            .find("valid: up_blocks.1.attentions.0, "
                  "up_blocks.1.attentions.1") != std::string::npos);
  for (const char* bad :
       {"input:1,", "input:1, ,middle:0", "down_block", "input:1.0#1", "ALL", "up_blocks.1.", "inputs", ":", "grid:"})
    CHECK_FALSE(error(sd15(), bad).empty());
  for (const char* odd_space : {"\f", "\v", "\fmiddle:0\v", "input:1,\f"})
    CHECK_FALSE(error(sd15(), odd_space).empty());
  CHECK(chosen(sd15(), " \t\r\n") == chosen(sd15(), "all"));
  CHECK(error(sd15(), std::string(100000, ',')).find("expected at most 4096") != std::string::npos);
}

}  // namespace corepulse::control::test
