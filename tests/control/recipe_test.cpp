// Recipes as JSON: exact round trips, strict reading, and the published schema.
#include "corepulse/recipe.h"

#include <cmath>
#include <doctest/doctest.h>
#include <set>

#include "corepulse/error.h"

#include "control/recipe/region_fields.h"
#include "control/recipe/words.h"
#include "schema.h"

namespace corepulse::control::test {
namespace {

const std::string kExample = R"({"version": 1, "model": "builtin", "prompt": "a cat in a park", "seed": 3,
 "steps": 20, "guidance": 5,
 "controls": [
  {"kind": "inject", "prompt": "a dragon", "where": "middle:0, output:0", "when": {"sigma": [15, 0]}, "strength": 1.0},
  {"kind": "reweight", "phrase": "park", "scale": 0.3, "where": "output:1"},
  {"kind": "inject", "prompt": "snow", "where": "all", "strength": [[0, 0], [0.5, 1]],
   "region": {"shape": "rectangle", "box": [0, 0, 0.5, 1], "feather": 0.05}}]})";

// A recipe in which every field of every kind is set.
Recipe everything() {
  const auto region = (rectangle(0.1, 0.2, 0.3, 0.4).feather(0.05) + circle(0.5, 0.5, 0.1).pixels()) -
                      ellipse(0.1, 0.2, 0.3, 0.4) * !polygon({{0, 0}, {1, 0}, {0.5, 1}}).blur(0.01);
  const auto gradients = (linear_gradient({0, 0}, {1, 1}, 0.25, 1) + radial_gradient({0.5, 0.5}, 0.3, 0, 1)) *
                         picture("mask \"1\".png", PictureChannel::alpha);
  Recipe r{.model = "sd15.safetensors",
           .unet = "u",
           .vae = "v",
           .text_encoder = "t",
           .text_encoder_2 = "t2",
           .tokenizer = "k",
           .config = "c",
           .family = "sd1",
           .prediction = "v",
           .variant = "fp16",
           .prompt = "a cat\n\"quoted\" \xc3\xa9",
           .negative_prompt = "blurry",
           .prompt_2 = "oil paint",
           .negative_prompt_2 = "a photo",
           .width = 640,
           .height = 384,
           .seeds = {0, 18446744073709551615u},
           .steps = 31,
           .guidance = 7.1,
           .guidance_rescale = 0.7,
           .image_guidance = 1.25,
           .sampler = SamplerKind::dpmpp_2m,
           .schedule = ScheduleKind::karras,
           .eta = 0.5,
           .rng = NoiseKind::cuda,
           .compat = Compat::comfy,
           .zero_snr = true,
           .dtype = "f16",
           .clip_skip = 2,
           .loras = "styles"};
  auto first = inject("a dragon").gains({{0, 1}, {1, 0.1}}, -2).strength(Curve::ramp(0.1, 0.9));
  std::get<Inject>(first.effect).noise = 0.5, std::get<Inject>(first.effect).noise_seed = 4000000000u;
  first = first.at("all").sigma(INFINITY, 2.5).within(region).on(Rows::both).for_images({0, 1}).for_heads({3});
  first = first.as(Mode::comfy).enable(false);
  r.controls = {
      first,
      reweight(Tokens("cat", 2), 0.3).steps(1, 5).strength(0.1),
      mask_tokens("cat").context(TokenContext::reencode).progress(0.25, 1.0 / 3),
      replace_tokens("cat", "dog").context(TokenContext::replace).percent(0.1, 0.9),
      value_gain(Tokens(Tokens::Part::padding), -1),
      regions({{"snow", gradients}, {"fire", !gradients}}, 0.2),
      attend(region, 3),
      temperature({{0.5, 2}}, AttentionKind::both),
      smooth(0.5).as(Mode::corepulse),
      share_image(1),
      share_recording("style run").on(Rows::both),
      prompt_to_prompt("a dog", PromptToPrompt::Method::replace),
      normalized_guidance("blurry", 3).strength(0.4),
      guide_by(GuideBy::Perturb::blur, {{0, 3}, {0.5, 1}}),
      lora("style.safetensors", {{0, -2}, {1, 0.8}}).at("output:1").steps(1, 5),
      controlnet("canny.safetensors", "house.png", {{0, 1}, {0.5, 0}}).at("input:1"),
      picture_prompt("ip.safetensors", {"cat.png", "dog.png"}, {{0, 1}, {1, -0.5}}).gains(2, {{0, 1}, {1, 3}}),
      freeu({1.5, 1.6, 0.9, {{0, 0.2}, {1, 1}}, 1, FreeU::Stages::widths}),
      blend(1).within({.shape = Region::Shape::attention, .phrase = "a", .occurrence = 2, .where = "b", .image = 1}),
      rescaled_guidance({{0, 0.5}, {1, 1}}),
      zero_star_guidance(0.5),
      tangential_guidance({{0, 1}, {1, 0.5}}),
      projected_guidance({0.5, {{0, 10}, {1, 0}}, {{0, -0.75}, {1, 0.5}}, ProjectedGuidance::Of::picture}),
      frequency_guidance(4, {{0, 8}, {1, 12}}),
      skimmed_guidance({{0, 6}, {1, 5}}),
      thresholded_guidance({{0, 6}, {1, 5}}, 0.95),
      guidance(3),
      pooled("a dragon", 0.5),
      time_ids({.original = {{512, 768}}, .crop = {{1, 2}}, .target = {{3, 4}}}),
      negative("blue"),
      capture("cat", "heat"),
      record("run"),
      {.effect = Features{.recording = "source run", .strength = {{0, 1}, {1, 0.5}}, .sha256 = "ab"}}};
  std::get<Attend>(r.controls[6].effect).interaction = Attend::Interaction::redirect;
  r.controls[14].region = region, r.controls[14].images = {1};
  r.controls[10].effect = Share{{}, "style run", {}, 1, "ef56", true, true, 1.5, -1, {{0, -1}, {1, 2}}, 0.25};
  auto& edited = std::get<PromptToPrompt>(r.controls[11].effect);
  edited.image = 1, edited.cross = {{0, 1}, {0.7, 0.25}}, edited.self = 0.125, edited.self_tokens = 64;
  edited.words = {{Tokens("dog", 1), 0.5}, {Tokens::Part::padding, Curve::ramp(0.1, 0.9)}};
  std::get<NormalizedGuidance>(r.controls[12].effect).limit = {{0, 2}, {1, 1.5}};
  std::get<GuideBy>(r.controls[13].effect).blur_sigma = 1.5;
  r.controls[14].effect =
      Lora{"style.safetensors", {{0, -2}, {1, 0.8}}, 0.5, false, DoraReading::lycoris, "gh12", {1, 0, -0.5}};
  auto& net = std::get<ControlNet>(r.controls[15].effect);
  net.prepare = ControlNet::Prepare::mask, net.mask = region, net.low = 50, net.high = 150.5, net.amount = 2.5;
  net.seed = 7, net.fit = Fit::stretch, net.type = ControlNet::Type::segment, net.guess = true, net.pool = false;
  net.data = "iVBORw0K", net.sha256 = "ab12", net.picture_sha256 = "cd34";
  auto& pictures = std::get<PicturePrompt>(r.controls[16].effect);
  pictures.data = {"iVBORw0K"}, pictures.encoder = "clip", pictures.how = PicturePrompt::How::share;
  pictures.sha256 = "12", pictures.encoder_sha256 = "34", pictures.picture_sha256 = {"56", "78"};
  std::get<ZeroStarGuidance>(r.controls[20].effect).zero_steps = 2;
  auto& skimmed = std::get<SkimmedGuidance>(r.controls[24].effect);
  skimmed.full_negative = true, skimmed.filter = false;
  std::get<ThresholdedGuidance>(r.controls[25].effect).strength = {{0, 1}, {1, 0.5}};
  auto known = picture("m.png"), inside = picture("");
  known.sha256 = "ab78", inside.data = "iVBORw0K";
  r.controls[6] = r.controls[6].within(known + inside);
  r.init = InitPicture{"cat.png", "iVBORw0K", "cd90", 0.1 + 0.2, true, Fit::pad, Resample::bicubic};
  r.init->grow = {8, 0, 16, 0}, r.init->mask = region, r.init->soft = SoftMask::strength;
  r.init->paste = false, r.init->only_masked = 24, r.init->invert = Inversion{"a cat", 3, false};
  r.second_pass = SecondPass{1.25,
                             640,
                             480,
                             Upscale::latent_bicubic,
                             0.35,
                             true,
                             12,
                             SamplerKind::heun,
                             ScheduleKind::karras,
                             3.5,
                             std::vector{inject("a ship")}};
  r.refiner = Refiner{"refiner.safetensors", 0.7};
  r.aesthetic_score = 7.5, r.negative_aesthetic_score = 1;
  r.embeddings = Embeddings{"words", {{"cat-toy", "ef90"}, {"easy", ""}}};
  r.edits = {{3, {inject("a ship")}}, {7, {}}};
  r.made_with = {"corepulse 0.1.0", "ab12", "cpu", "f32", "avx2", "cd34", "ij56"};
  return r;
}

std::string error(const std::string& text) {
  try {
    recipe_from_json(text);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  return "";
}

// A recipe with one control given as JSON.
std::string control_error(const std::string& control) {
  return error(R"({"version": 1, "controls": [)" + control + "]}");
}

struct ShapeNames : FieldNames {
  void point(const char* name, size_t) { all.push_back(name); }
  void box(const char* name) { all.push_back(name); }
};

// With `more`.
std::set<std::string> set_of(const FieldNames& names, std::set<std::string> more = {}) {
  more.insert(names.all.begin(), names.all.end());
  return more;
}

std::set<std::string> keys(const nlohmann::json& object) {
  std::set<std::string> all;
  for (const auto& [name, value] : object.items()) all.insert(name);
  return all;
}

const nlohmann::json& alternative(const char* of, const char* field, const std::string& value) {
  for (const auto& one : recipe_schema()["$defs"][of]["oneOf"])
    if (one["properties"].contains(field) && one["properties"][field]["const"] == value) return one["properties"];
  throw std::runtime_error("not in the schema: " + value);
}

}  // namespace

TEST_CASE("the example of the documentation reads as what it says") {
  const auto r = recipe_from_json(kExample);
  CHECK(r.prompt == "a cat in a park");
  CHECK(r.seeds == std::vector<uint64_t>{3});
  REQUIRE(r.controls.size() == 3);
  CHECK(r.controls[0] == inject("a dragon").at("middle:0, output:0").sigma(15, 0));
  CHECK(r.controls[1] == reweight("park", 0.3).at("output:1"));
  CHECK(r.controls[2] ==
        inject("snow").at("all").strength({{0, 0}, {0.5, 1}}).within(rectangle(0, 0, 0.5, 1).feather(0.05)));
}

TEST_CASE("every field of every kind survives writing and reading, bit for bit") {
  const auto recipe = everything();
  std::set<std::string> shown;
  for (const auto& control : recipe.controls) shown.insert(kind_name(control.effect));
  CHECK(shown.size() == kinds().size());
  for (const int indent : {-1, 0, 4}) CHECK(recipe_from_json(to_json(recipe, indent)) == recipe);
  CHECK(controls_from_json(to_json(recipe.controls)) == recipe.controls);
  CHECK(recipe_from_json(to_json(Recipe{})) == Recipe{});
  CHECK(recipe_from_json(to_json(Recipe{.guidance = 0.1 + 0.2})).guidance == 0.1 + 0.2);
}

TEST_CASE("the word of a few-step model sets fields, those beside it change them, and JSON keeps both") {
  const auto read = [](const std::string& fields) { return recipe_from_json(R"({"version": 1, )" + fields + "}"); };
  const auto lightning = read(R"("few_steps": "lightning")");
  CHECK(lightning == with_few_steps({}, FewSteps::lightning));
  CHECK(lightning.sampler == SamplerKind::euler);
  CHECK(lightning.schedule == ScheduleKind::trailing);
  CHECK(lightning.steps == 4);
  CHECK(lightning.guidance == 1);
  CHECK(read(R"("steps": 8, "few_steps": "lightning")").steps == 8);
  for (const auto kind : {FewSteps::lcm, FewSteps::turbo, FewSteps::lightning, FewSteps::hyper, FewSteps::dmd2}) {
    const auto recipe = with_few_steps({}, kind);
    CHECK(parse_few_steps(name(kind)) == kind);
    CHECK(recipe_from_json(to_json(recipe)) == recipe);
    CHECK(invalid(nlohmann::json::parse(to_json(recipe))) == "");
  }
  auto plain = with_few_steps({}, FewSteps::dmd2);
  plain.timesteps.clear(), plain.steps = 3;
  CHECK(recipe_from_json(to_json(plain)) == plain);
  CHECK(read(R"("few_steps": "dmd2", "steps": 4)") == with_few_steps({}, FewSteps::dmd2));
  for (const auto* other : {R"("few_steps": "dmd2", "steps": 8)", R"("few_steps": "dmd2", "schedule": "karras")",
                            R"("few_steps": "dmd2", "sigmas": [14.6, 1])"})
    CHECK(read(other).timesteps.empty());
  auto twenty = with_few_steps({}, FewSteps::dmd2);
  twenty.steps = 20;
  CHECK(nlohmann::json::parse(to_json(twenty))["steps"] == 20);
  CHECK_THROWS_WITH_AS(recipe_from_json(to_json(twenty)), doctest::Contains("steps"), Error);
  CHECK_THROWS_WITH_AS(read(R"("few_steps": "lightening")"), doctest::Contains("did you mean lightning?"), Error);
}

TEST_CASE("levels given one by one are as many steps as they are, and stand beside no schedule") {
  const auto read = [](const std::string& fields) { return recipe_from_json(R"({"version": 1, )" + fields + "}"); };
  const auto listed = read(R"("timesteps": [999, 749.5, 1])");
  CHECK(listed.steps == 3);
  CHECK(listed.timesteps == std::vector<double>{999, 749.5, 1});
  CHECK(recipe_from_json(to_json(listed)) == listed);
  CHECK(read(R"("sigmas": [14.6, 1, 0])").steps == 2);
  Recipe unsaid{.sigmas = {14.6, 1, 0}};
  CHECK(recipe_from_json(to_json(unsaid)).steps == 2);
  for (const auto* wrong : {R"("timesteps": [999], "steps": 2)", R"("timesteps": [999], "sigmas": [1])",
                            R"("sigmas": [0])", R"("timesteps": [999, 5], "schedule": "karras")",
                            R"("timesteps": [999, 5], "sampler": "DPM++ 2M Karras")", R"("timesteps": 999)"})
    CHECK_THROWS_AS(read(wrong), Error);
}

TEST_CASE("how a share looks is called in JSON as in C++, and older recipes are read") {
  const auto with = share_image(1), instead = share_image(1, Share::How::instead);
  const auto read = [](const std::string& how) {
    return controls_from_json(R"([{"kind": "share", "image": 1, "how": ")" + how + R"("}])").at(0);
  };
  CHECK(read("with") == with);
  CHECK(read("union") == with);
  CHECK(read("instead") == instead);
  CHECK(to_json({instead}).find("\"instead\"") != std::string::npos);
  CHECK(std::string(name_of(Share::How::with)) == "with");
  CHECK(control_error(R"({"kind": "share", "image": 1, "how": "wiht"})").find("did you mean with?") !=
        std::string::npos);
}

TEST_CASE("fields that a kind lacks are lost by no JSON: the run refuses them by name") {
  const auto part = rectangle(0, 0, 0.5, 1);
  for (const auto& control :
       {capture("cat").within(part), record("run").within(part), guidance(3).at("output:1").on(Rows::both),
        negative("x").for_images({0}), pooled("x").for_heads({1}), temperature(2).as(Mode::corepulse)}) {
    CAPTURE(kind_name(control.effect));
    CHECK(controls_from_json(to_json(std::vector{control})) == std::vector{control});
  }
}

TEST_CASE("the schema accepts what is written, and both list the same fields") {
  CHECK(invalid(nlohmann::json::parse(kExample)) == "");
  CHECK(invalid(nlohmann::json::parse(to_json(everything()))) == "");
  CHECK(invalid(nlohmann::json::parse(to_json(Recipe{}))) == "");
  FieldNames recipe;
  fields(recipe, Type<Recipe>());
  CHECK(keys(recipe_schema()["properties"]) == set_of(recipe, {"seed", "seeds"}));
  for (const auto* kind : kinds()) {
    CAPTURE(kind->name);
    FieldNames names{kind->fields};
    common(names, kind->common);
    CHECK(keys(alternative("control", "kind", kind->name)) == set_of(names, {"kind"}));
  }
  CHECK(recipe_schema()["$defs"]["control"]["oneOf"].size() == kinds().size());
  const auto shapes = names_of<Region::Shape>();
  for (size_t i = 0; i < shapes.size(); ++i) {
    ShapeNames names;
    fields(names, static_cast<Region::Shape>(i));
    CHECK(keys(alternative("region", "shape", shapes[i])) == set_of(names, {"shape"}));
  }
  FieldNames made_with;
  fields(made_with, Type<MadeWith>());
  CHECK(keys(recipe_schema()["properties"]["made_with"]["properties"]) == set_of(made_with));
  FieldNames init, invert;
  fields(init, Type<InitPicture>());
  fields(invert, Type<Inversion>());
  const auto& init_schema = recipe_schema()["properties"]["init"]["properties"];
  CHECK(keys(init_schema) == set_of(init));
  CHECK(keys(init_schema["invert"]["properties"]) == set_of(invert));
  FieldNames second_pass, refiner;
  fields(second_pass, Type<SecondPass>());
  CHECK(keys(recipe_schema()["properties"]["second_pass"]["properties"]) == set_of(second_pass));
  fields(refiner, Type<Refiner>());
  CHECK(keys(recipe_schema()["properties"]["refiner"]["properties"]) == set_of(refiner));
}

TEST_CASE("schema and reader refuse the same mistakes") {
  const std::string wrong[] = {R"({"kind": "inject"})",
                               R"({"kind": "inject", "prompt": 3})",
                               R"({"kind": "injekt", "prompt": "x"})",
                               R"({"kind": "inject", "prompt": "x", "strenght": 1})",
                               R"({"kind": "guidance", "scale": 3, "region": {"shape": "circle"}})",
                               R"({"kind": "inject", "prompt": "x", "when": {"sigma": [1]}})",
                               R"({"kind": "inject", "prompt": "x", "when": {"seconds": [1, 2]}})",
                               R"({"kind": "inject", "prompt": "x", "strength": []})",
                               R"({"kind": "inject", "prompt": "x", "rows": "all"})"};
  for (const auto& control : wrong) {
    CAPTURE(control);
    CHECK_FALSE(control_error(control).empty());
    CHECK_FALSE(invalid({{"version", 1}, {"controls", {nlohmann::json::parse(control)}}}).empty());
  }
}

TEST_CASE("errors name the path, what stands there and the nearest valid name") {
  CHECK(error(R"({"version": 1, "promt": "x"})")
            .find("[recipe] unknown field of a recipe \"promt\"; valid: version, model") == 0);
  CHECK(error(R"({"version": 1, "promt": "x"})").find("(did you mean prompt?)") != std::string::npos);
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "strenght": 1})") ==
        "[controls[0]] unknown field of an inject control \"strenght\"; valid: kind, prompt, strength, gain_k, "
        "gain_v, noise, noise_seed, enabled, where, when, region, rows, images, heads, mode (did you mean "
        "strength?)");
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "tokens": "all"})").find("unknown field") !=
        std::string::npos);
  const auto fields = error(R"({"version": 1, "promt": "x"})");
  CHECK(fields.find(" sampler,") == fields.rfind(" sampler"));  // each name once
  CHECK(control_error(R"({"kind": "injekt"})")
            .find("[controls[0].kind] unknown kind \"injekt\"; valid: inject, reweight") == 0);
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "when": {"sigmas": [1, 0]}})") ==
        "[controls[0].when] unknown unit \"sigmas\"; valid: steps, progress, sigma, percent (did you mean sigma?)");
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "strength": "strong"})") ==
        "[controls[0].strength] the text \"strong\"; expected a number, or points [[progress, value], ...]");
  CHECK(
      control_error(R"({"kind": "inject", "prompt": "x", "region": {"shape": "add", "parts": [{"shape": "circel"}]}})")
          .find("[controls[0].region.parts[0].shape] unknown value \"circel\"; valid: rectangle, circle") == 0);
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "region": {"shape": "circle", "center": [0, 0]}})") ==
        "[controls[0].region] the field \"radius\" is missing");
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "images": [0.5]})")
            .find("[controls[0].images[0]] the number 0.5; expected a whole number") == 0);
  CHECK(error("{}") == "[recipe] the field \"version\" is missing");
  CHECK(error(R"({"version": 2})") == "[version] 2; this program reads version 1: update it");
  CHECK(error(R"({"version": 1, "seed": 1, "seeds": [2]})") ==
        "[seed] both seed and seeds are given; expected one of them");
  CHECK(error(R"({"version": 1, "seed": -1})")
            .find("[seed] the number -1; expected a whole number of 0..18446744073709551615") == 0);
  CHECK(error(R"({"version": 1, "steps": 0})") == "[steps] 0; expected 1..1000");
  CHECK(error(R"({"version": 1, "dtype": "f8"})").find("[dtype] unknown value \"f8\"; valid: auto, f32, f16, bf16") ==
        0);
  CHECK(error(R"({"version": 1, "sampler": "eulr"})").find("[sampler]") == 0);
}

TEST_CASE("what is not JSON, or stands twice, or is no number, is an error") {
  for (const char* bad : {"", "[]", "3", "{", R"({"version": 1, "version": 1})", R"({"version": NaN})",
                          R"({"version": 1, "guidance": 1e999})", R"({"version": 1, "guidance": "inf"})",
                          R"({"version": 1, "controls": {}})", R"({"version": 1, "controls": [3]})",
                          "{\"version\": 1, \"prompt\": \"\xff\"}"})
    CHECK_FALSE(error(bad).empty());
  CHECK_FALSE(control_error(R"({"kind": "inject", "prompt": "x", "when": {"progress": ["inf", 0]}})").empty());
  CHECK_FALSE(control_error(R"({"kind": "inject", "prompt": "x", "when": {"steps": [0.5, 2]}})").empty());
  CHECK_FALSE(
      control_error(R"({"kind": "inject", "prompt": "x", "when": {"steps": [0, 2], "sigma": [1, 0]}})").empty());
  CHECK_FALSE(control_error(R"({"kind": "reweight", "phrase": "x", "tokens": "all", "scale": 1})").empty());
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "when": {"sigma": ["inf", 0]}})").empty());
  std::string deep = R"({"shape": "circle", "center": [0, 0], "radius": 1})";
  for (int i = 0; i < 100; ++i) deep = R"({"shape": "add", "parts": [)" + deep + "]}";
  CHECK(control_error(R"({"kind": "inject", "prompt": "x", "region": )" + deep + "}").find("nested deeper") !=
        std::string::npos);
}

TEST_CASE("numbers that JSON has no word for cannot be written") {
  const auto fails = [](const Recipe& r) { CHECK_THROWS_AS(to_json(r), Error); };
  fails({.guidance = NAN});
  fails({.controls = {inject("x").strength(INFINITY)}});
  fails({.controls = {inject("x").sigma(3, -INFINITY)}});
  fails({.controls = {inject("x").progress(INFINITY, 3)}});
  fails({.controls = {inject("x").within(Region{})}});
  fails({.prompt = "\xff"});
}

TEST_CASE("names of other tools are read, and a sampler's name may bring its schedule") {
  CHECK(recipe_from_json(R"({"version": 1, "sampler": "DPM++ 2M Karras"})").schedule == ScheduleKind::karras);
  const auto r = recipe_from_json(R"({"version": 1, "sampler": "DPM++ 2M Karras", "schedule": "simple"})");
  CHECK(r.sampler == SamplerKind::dpmpp_2m);
  CHECK(r.schedule == ScheduleKind::simple);
}

}  // namespace corepulse::control::test
