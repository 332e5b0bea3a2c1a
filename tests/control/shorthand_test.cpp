// Controls as one line of text.
#include "corepulse/shorthand.h"

#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/corepulse_adapter.h"
#include "corepulse/error.h"

namespace corepulse::control::test {
namespace {

template <class F>
std::string error(F parse, std::string_view text) {
  try {
    parse(text);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("short forms are the controls they stand for") {
  CHECK(parse_inject("a dragon @ middle:0, sigma 15..0, strength 0.8") ==
        inject("a dragon").at("middle:0").sigma(15, 0).strength(0.8));
  CHECK(parse_inject("a dragon, red @ middle:0, output:1, steps 3..8") ==
        inject("a dragon, red").at("middle:0, output:1").steps(3, 8));
  CHECK(parse_inject("me @ home @ all") == inject("me @ home").at("all"));
  CHECK(parse_inject("  snow ") == inject("snow"));
  CHECK(
      parse_inject("snow @ sigma inf..2.5, gain 2, rows both, images 0 2, heads 1, mode comfy") ==
      inject("snow").sigma(INFINITY, 2.5).gains(2, 2).on(Rows::both).for_images({0, 2}).for_heads({1}).as(Mode::comfy));
  CHECK(parse_inject("snow @ strength 0:0 0.5:1, gain_k -1, progress 0.25..1, fine") ==
        inject("snow").strength({{0, 0}, {0.5, 1}}).gains(-1, 1).progress(0.25, 1).at("fine"));
  CHECK(parse_inject("snow @ strength ramp 0.1..0.9 edge 0.2") == inject("snow").strength(Curve::ramp(0.1, 0.9, 0.2)));
  CHECK(parse_inject("snow @ region rect 0,0,0.5,1 feather 0.05, sigma 15..0, up_blocks.1.attentions.0") ==
        inject("snow").within(rectangle(0, 0, 0.5, 1).feather(0.05)).sigma(15, 0).at("up_blocks.1.attentions.0"));
  CHECK(parse_reweight("park=0.3 @ output:1") == reweight("park", 0.3).at("output:1"));
  CHECK(parse_capture("cat @ output:1, name left eye, steps 0..3") ==
        capture("cat", "left eye").at("output:1").steps(0, 3));
  CHECK(parse_reweight("a=b = 0:1 1:0 @ occurrence 2") == reweight(Tokens("a=b", 2), {{0, 1}, {1, 0}}));
  CHECK(parse_mask("red hat @ context reencode") == mask_tokens("red hat").context(TokenContext::reencode));
  CHECK(parse_replace("cat => fluffy dog @ output:1") == replace_tokens("cat", "fluffy dog").at("output:1"));
  CHECK(parse_value_gain("cat=-1") == value_gain("cat", -1));
  CHECK(parse_temperature("0.5 @ fine") == temperature(0.5).at("fine"));
  CHECK(parse_capture("cat @ output:1, steps 0..5") == capture("cat").at("output:1").steps(0, 5));
  CHECK(parse_region_prompt("a red car @ left half feather 0.05") ==
        regions({{"a red car", rectangle(0, 0, 0.5, 1).feather(0.05)}}));
}

TEST_CASE("the short form of a second pass is a size and items in any order") {
  CHECK(parse_second_pass("2x") == SecondPass{.scale = 2});
  CHECK(parse_second_pass("1.5x, strength 0.4, steps 12") == SecondPass{.scale = 1.5, .strength = 0.4, .steps = 12});
  CHECK(parse_second_pass("upscale latent-bicubic, 512x768") ==
        SecondPass{.width = 512, .height = 768, .upscale = Upscale::latent_bicubic});
  CHECK(parse_second_pass("2x, upscale nearest") == SecondPass{.scale = 2, .upscale = Upscale::nearest});
  CHECK(parse_second_pass("upscale latent") == SecondPass{.upscale = Upscale::latent_bilinear});  // A1111's
  CHECK(parse_second_pass("sampler DPM++ 2M Karras, guidance 3.5, exact_steps, no_controls") ==
        SecondPass{.exact_steps = true,
                   .sampler = SamplerKind::dpmpp_2m,
                   .schedule = ScheduleKind::karras,
                   .guidance = 3.5,
                   .controls = std::vector<corepulse::Control>{}});
  CHECK(error(parse_second_pass, "2x, 3x").find("one item for \"size\", not two") != std::string::npos);
  CHECK(error(parse_second_pass, "2x, steps 3, steps 4").find("not two") != std::string::npos);
  CHECK(error(parse_second_pass, "2x strength 0.5").find("a comma and the next item") != std::string::npos);
  CHECK(error(parse_second_pass, "strenght 0.5").find("did you mean strength?") != std::string::npos);
  CHECK(error(parse_second_pass, "upscale lanczo").find("lanczos") != std::string::npos);
  for (const char* wrong : {"", "x", "2", "1.5x2", "x512", "2xx", "512x7.5", "1e9x8", "strength", "steps 1.5",
                            "sampler eulr", "2x,", "-1x8", "nanx"})
    CHECK(error(parse_second_pass, wrong) != "");
}

TEST_CASE("a region's short form has the items of the others behind its region") {
  const RegionPrompt cat{"a cat", rectangle(0, 0, 0.5, 1)};
  CHECK(parse_region_prompt("a cat @ left half, content, sigma 15..2, strength 0.8") ==
        regions({cat}).at("content").sigma(15, 2).strength(0.8));
  CHECK(parse_region_prompt("a cat @ rect 0,0,0.5,1, middle:0, output:1, heads 0 1, images 1, rows both") ==
        regions({cat}).at("middle:0, output:1").for_heads({0, 1}).for_images({1}).on(Rows::both));
  CHECK(parse_region_prompt("me @ home @ left half - top half feather 0.05, steps 0..4") ==
        regions({{"me @ home", rectangle(0, 0, 0.5, 1) - rectangle(0, 0, 1, 0.5).feather(0.05)}}).steps(0, 4));
  CHECK(error(parse_region_prompt, "a cat @ left half, gain 2") ==
        "[region] at position 19 of \"a cat @ left half, gain 2\": \"gain 2\"; expected an item of regions; valid: "
        "steps, progress, sigma, percent, strength, region, rows, images, heads");
  CHECK(error(parse_region_prompt, "a cat @ left half sigma 15..2").find("at position 18") != std::string::npos);
  CHECK(error(parse_region_prompt, "a cat @ left half,").find("the text ends; expected a layer") != std::string::npos);
  CHECK(error(parse_region_prompt, "a cat @ content, left half").find("expected a region") != std::string::npos);
}

TEST_CASE("an item that a kind lacks, or that is given twice, is an error at its position") {
  CHECK(error(parse_capture, "cat @ strength 0.5").find("at position 6") != std::string::npos);
  CHECK(error(parse_record, "style @ occurrence 2").find("at position 8") != std::string::npos);
  CHECK(error(parse_inject, "a @ context keep").find("expected an item of inject") != std::string::npos);
  CHECK(error(parse_inject, "a @ steps 3..8, sigma 15..2").find("at position 16") != std::string::npos);
  CHECK(error(parse_inject, "a @ all, strength 1, strength 0.5").find("one item for \"strength\"") !=
        std::string::npos);
}

TEST_CASE("attend, smooth, share and guidance have short forms, too") {
  const Region left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1);
  CHECK(parse_attend("right half=0 @ region left half, fine") == attend(right, 0).within(left).at("fine"));
  CHECK(parse_attend("right half - circle 0.5,0.5,0.1 = 0:1 1:3 @ strength 0.5") ==
        attend(right - circle(0.5, 0.5, 0.1), {{0, 1}, {1, 3}}).strength(0.5));
  CHECK(parse_smooth("0.2 @ coarse, steps 0..5") == smooth(0.2).at("coarse").steps(0, 5));
  CHECK(parse_share("0 @ rows both") == share_image(0).on(Rows::both));
  CHECK(parse_share("a cat-style.safetensors @ how instead, strength 0.7") ==
        share_recording("a cat-style.safetensors").strength(0.7));
  CHECK(parse_share("0 @ align, align_values, shift 0.7, gain_k 1.2, gain_v 0:1 1:2, fidelity 0.5, rows both") ==
        share({.image = 0,
               .align = true,
               .align_values = true,
               .gain_k = 1.2,
               .gain_v = {{0, 1}, {1, 2}},
               .shift = 0.7,
               .fidelity = 0.5})
            .on(Rows::both));
  CHECK(parse_share("0 @ gain 2") == share_image(0).gains(2, 2));
  CHECK(parse_share("a.safetensors @ how map, rows both") ==
        share_recording("a.safetensors", Share::How::map).on(Rows::both));
  CHECK(parse_features("0 @ images 1, output:1.1, strength 0:1 0.8:0") ==
        features(0).for_images({1}).at("output:1.1").strength({{0, 1}, {0.8, 0}}));
  CHECK(parse_features("a cat-f.safetensors @ region left half, progress 0..0.8") ==
        features("a cat-f.safetensors").within(left).progress(0, 0.8));
  const corepulse::Control recorded{.effect = Capture{.name = "f", .what = Capture::What::features}};
  CHECK(parse_record("f @ output:1.1, what features") == recorded.at("output:1.1"));
  CHECK(parse_record("f @ what keys") == record("f"));
  CHECK(parse_guidance("0:8 1:3") == guidance({{0, 8}, {1, 3}}));
  CHECK(parse_guidance("1 @ sigma 2..0") == guidance(1).sigma(2, 0));
  CHECK(parse_temperature("0.5 @ attention both") == temperature(0.5, AttentionKind::both));
  CHECK(error(parse_attend, "right half").find("REGION=SCALE") != std::string::npos);
  CHECK(error(parse_attend, "right half left=0").find("at position 11") != std::string::npos);
  CHECK(error(parse_smooth, "0.2 @ strength 0.5").find("expected an item of smooth") != std::string::npos);
  CHECK(error(parse_smooth, "much").find("at position 0") != std::string::npos);
  CHECK(error(parse_guidance, "3 @ output:0").find("valid: steps, progress, sigma, percent") != std::string::npos);
  CHECK(error(parse_share, " @ rows both").find("the file of a recording") != std::string::npos);
}

TEST_CASE("what would be drawn as other words is refused: an @ without spaces, nothing where words belong") {
  for (const char* glued : {"a dragon@output:0", "a dragon @output:0", "a dragon@ output:0", "@ output:0", "a@all",
                            "snow@sigma 15..2", "a dragon@up_blocks.0", "a@style, strength 0.5"}) {
    CAPTURE(glued);
    CHECK(error(parse_inject, glued).find("expected spaces around the @") != std::string::npos);
  }
  for (const char* words :
       {"me@home", "a@b.com", "@", "steps@sigma", "a dragon@output:0 @ all", "an @all-round cat", "cats@all the parks"})
    CHECK(error(parse_inject, words) == "");
  for (const char* empty : {"", " ", " @ output:0", "  @ all"}) {
    CAPTURE(empty);
    CHECK(error(parse_inject, empty).find("expected a prompt") != std::string::npos);
    CHECK(error(parse_mask, empty).find("expected a phrase") != std::string::npos);
    CHECK(error(parse_capture, empty) != "");
  }
  CHECK(error(parse_region_prompt, " @ left half").find("PROMPT @ REGION") != std::string::npos);
}

TEST_CASE("regions in words") {
  CHECK(parse_region("bottom right") == rectangle(0.5, 0.5, 0.5, 0.5));
  CHECK(parse_region("top half") == rectangle(0, 0, 1, 0.5));
  CHECK(parse_region("center circle") == circle(0.5, 0.5, 0.25));
  CHECK(parse_region("not circle 0.5,0.5,0.3 blur 0.1") == !circle(0.5, 0.5, 0.3).blur(0.1));
  CHECK(parse_region("ellipse 100,50,20,10 px") == ellipse(100, 50, 20, 10).pixels());
  CHECK(parse_region("polygon 0,0 1,0 0.5,1") == polygon({{0, 0}, {1, 0}, {0.5, 1}}));
  CHECK(parse_region("linear 0,0,1,0") == linear_gradient({0, 0}, {1, 0}));
  CHECK(parse_region("radial 0.5,0.5,0.4") == radial_gradient({0.5, 0.5}, 0.4));
  CHECK(parse_region("picture mask.png alpha") == picture("mask.png", PictureChannel::alpha));
  CHECK(parse_region("picture \"my mask.png\"") == picture("my mask.png"));
  auto cat = looked_at("red cat", 0.5);
  cat.where = "output:1", cat.image = 0, cat.blur_sigma = 0.02;
  CHECK(parse_region("attention \"red cat\" at output:1 image 0 over 0.5 blur 0.02") == cat);
  CHECK(parse_region("not attention cat") == !looked_at("cat"));
  CHECK(parse_region("left half + circle 0.5,0.5,0.2 - rect -0.1,0,0.2,1 * top half") ==
        ((rectangle(0, 0, 0.5, 1) + circle(0.5, 0.5, 0.2)) - rectangle(-0.1, 0, 0.2, 1)) * rectangle(0, 0, 1, 0.5));
}

TEST_CASE("errors point at the position") {
  CHECK(error(parse_inject, "a dragon @ middle:0, sigmo 15..0") ==
        "[inject] at position 21 of \"a dragon @ middle:0, sigmo 15..0\": \"sigmo 15..0\"; expected an item of "
        "inject; valid: steps, progress, sigma, percent, strength, gain, gain_k, gain_v, region, rows, mode, images, "
        "heads (did you mean sigma?)");
  CHECK(error(parse_inject, "a @ sigma 15")
            .find("at position 12 of \"a @ sigma 15\": the text ends; expected two numbers") != std::string::npos);
  CHECK(error(parse_reweight, "park").find("expected PHRASE=SCALE") != std::string::npos);
  CHECK(error(parse_reweight, "park=much").find("at position 5 of \"park=much\"") != std::string::npos);
  CHECK(error(parse_reweight, "park=0.3 @ gain 2").find("\"gain 2\"") != std::string::npos);
  CHECK(error(parse_region, "left side").find("(did you mean left half?)") != std::string::npos);
  CHECK(error(parse_region, "rect 0,0,1").find("4 numbers with commas") != std::string::npos);
  CHECK(error(parse_region, "left half right half").find("at position 10") != std::string::npos);
  CHECK(error(parse_region_prompt, "a red car").find("PROMPT @ REGION") != std::string::npos);
  CHECK(error(parse_capture, "cat @ name ").find("a name") != std::string::npos);
  CHECK_FALSE(error(parse_record, "style @ name b").empty());
  CHECK(error(parse_record, "style @ what map").find("keys or features") != std::string::npos);
  CHECK(error(parse_capture, "cat @ what features").find("expected an item of capture") != std::string::npos);
  CHECK(error(parse_features, "0 @ heads 1").find("expected an item of features") != std::string::npos);
  CHECK(error(parse_features, " @ output:1").find("the file of a recording") != std::string::npos);
  CHECK(error(parse_inject, "a @ rows all").find("valid: cond, uncond, both") != std::string::npos);
  CHECK(error(parse_temperature, "0.5 @ gain_k 2, x").find("\"gain_k 2, x\"") != std::string::npos);
  for (const char* bad : {"a @ ,", "a @ steps", "a @ strength nan", "a @ region", "a @ images x", "a @ sigma 1..2..3",
                          "a @ middle:0 output:0", "a @ gain 1 2", "a @ strength 0:0 1"})
    CHECK_FALSE(error(parse_inject, bad).empty());
  CHECK(parse_blend("1 @ region not attention dog, images 0, strength 0.5") ==
        blend(1, 0.5).within(!looked_at("dog")).for_images({0}));
  CHECK(error(parse_blend, "cat").find("expected the number of an image") != std::string::npos);
  for (const char* bad : {"", "0 1", "0 @ rows both", "0 @ middle:0"}) CHECK_FALSE(error(parse_blend, bad).empty());
  for (const char* bad : {"attention", "attention cat over", "attention cat image x", "attention cat at"})
    CHECK_FALSE(error(parse_region, bad).empty());
  for (const char* bad : {"", "nan", "1 2", "0:", "ramp 1"}) CHECK_FALSE(error(parse_curve, bad).empty());
}

TEST_CASE("text from anywhere is read or refused, never worse") {
  const std::string_view pieces[] = {" @ ",     "a", ",",    "sigma ",   "15..0", "region ", "rect ",
                                     "0,0,1,1", "=", "not ", "feather ", "inf",   "..",      "\"",
                                     "1e999",   "-", " + ",  "polygon ", ":",     "\xff",    "\n"};
  unsigned state = 1;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (int j = 0; j < 8; ++j) text += pieces[(state = state * 1664525 + 1013904223) >> 16 & 0xff % std::size(pieces)];
    error(parse_inject, text), error(parse_reweight, text), error(parse_region, text), error(parse_region_prompt, text);
    error(parse_attend, text), error(parse_share, text), error(parse_guidance, text);
  }
  std::string many = "left half";
  for (int i = 0; i < 5000; ++i) many += " - left half * top half";
  CHECK_FALSE(error(parse_region, many).empty());
}

TEST_CASE("CorePulse's words make controls in its mode") {
  UNetPatcher patcher;
  patcher.add_injection("middle:0", "dragon", 2.0, 15.0, 0.0)
      .add_attention_manipulation("all", "cat", 0.5)
      .add_self_attention_manipulation("middle:0", rectangle(0, 0, 0.5, 1), rectangle(0.5, 0, 0.5, 1), 3, "redirect");
  REQUIRE(patcher.controls().size() == 3);
  CHECK(patcher.controls()[0] == inject("dragon").at("middle:0").gains(2, 2).sigma(15, 0).as(Mode::corepulse));
  CHECK(patcher.controls()[1] == reweight("cat", 0.5).at("all").sigma(INFINITY, 0).as(Mode::corepulse));
  CHECK(std::get<Attend>(patcher.controls()[2].effect).interaction == Attend::Interaction::redirect);
  CHECK_THROWS_AS(patcher.add_self_attention_manipulation("all", {}, {}, 2, "sharpn"), Error);
  CHECK_THROWS_AS(patcher.add_self_attention_manipulation("all", {}, circle(0, 0, 1), 2, "smooth"), Error);
  patcher.clear_injections();
  CHECK(patcher.controls().empty());
}

}  // namespace corepulse::control::test
