// Weighted prompts of any length against compel, and against A1111's and ComfyUI's formulas over transformers.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "encoders.h"
#include "golden.h"
#include "kernels/device.h"
#include "support/golden.h"
#include "text/config_json.h"
#include "text/prompt/encode.h"
#include "text/prompt/read_prompt.h"

namespace corepulse::text {
namespace {

OutputRule rule_of(const std::string& family) {
  return family == "sdxl" ? OutputRule{1, false} : OutputRule{0, true};
}

TextEncoding encoded(const Encoder& encoder, const std::string& prompt, const OutputRule& rule, PromptSyntax syntax) {
  return encode(encoder.model, encoder.tokenizer, chunked(encoder.tokenizer, read_prompt(prompt, syntax), syntax), rule,
                syntax);
}

}  // namespace

TEST_CASE("weights and chunks give the contexts that the tools give") {
  const double bound = kernels::has_amx() ? 1e-4 : 2e-5;
  const test::Golden golden("prompts");
  const auto prompts = io::read_json(test::golden_folder() + "/prompts.json").at("prompts");
  for (const std::string family : {"sd1", "sdxl"}) {
    const auto models = encoders(family);
    for (const std::string tool : {"compel", "a1111", "comfy"}) {
      const auto syntax = parse_syntax(tool);
      for (size_t n = 0; n < prompts.at(tool).size(); ++n) {
        const auto prompt = prompts.at(tool)[n].get<std::string>();
        INFO(family, " ", tool, " ", prompt);
        std::vector<mx::array> parts;
        for (const auto& model : models) parts.push_back(encoded(model, prompt, rule_of(family), syntax).context);
        CHECK(test::relative_error(mx::concatenate(parts, 2), golden.array(fmt::format("{}/{}/{}", tool, family, n))) <
              bound);
      }
    }
  }
}

TEST_CASE("a prompt without weights is the same bits in every syntax, and so is a weight of 1") {
  const auto model = load_encoder("sd1", "tokenizer", "text_encoder");
  const auto plain = encoded(model, "a red cat in a park", {}, PromptSyntax::plain);
  for (const auto syntax : {PromptSyntax::a1111, PromptSyntax::comfy, PromptSyntax::compel}) {
    CHECK(test::same_bits(encoded(model, "a red cat in a park", {}, syntax).context, plain.context));
    CHECK(test::same_bits(encoded(model, "a red cat in a park", {}, syntax).pooled, plain.pooled));
  }
  CHECK(test::same_bits(encoded(model, "a (red cat:1.0) in a park", {}, PromptSyntax::a1111).context, plain.context));
}

TEST_CASE("the pooled vector is the first chunk's, without weights") {
  const auto model = load_encoder("sdxl", "tokenizer_2", "text_encoder_2");
  const auto rule = rule_of("sdxl");
  const auto plain = encoded(model, "a red cat", rule, PromptSyntax::plain);
  const auto weighed = encoded(model, "a (red cat:1.4) BREAK a big dog", rule, PromptSyntax::a1111);
  CHECK(weighed.context.shape() == mx::Shape{1, 154, 32});
  CHECK(test::relative_error(weighed.pooled, plain.pooled) < 1e-5);
}

}  // namespace corepulse::text
