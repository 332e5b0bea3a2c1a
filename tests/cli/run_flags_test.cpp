// From flags to a recipe.

#include "run_flags.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "corepulse/error.h"
#include "corepulse/image.h"

#include "parsed.h"

using namespace corepulse;
using namespace corepulse::test;
using corepulse::cli::parse_seeds;
using corepulse::cli::RunFlags;

TEST_CASE("no flags give the default recipe") {
  CHECK(parse({}) == Recipe{});
}

TEST_CASE("a recipe that comes with the program is named without a path") {
  const auto recipe = parse({"--recipe", "two-regions", "--seed", "9"});
  CHECK(recipe.controls.size() == 1);
  CHECK(recipe.seeds == std::vector<uint64_t>{9});
  CHECK_THROWS_WITH_AS(parse({"--recipe", "two-legions"}), doctest::Contains("two-regions"), Error);
  CHECK_THROWS_AS(parse({"--recipe", "two-regions.json"}), Error);  // a file, which is not there
}

TEST_CASE("every flag changes its own field") {
  const auto recipe = parse(
      {"-p",       "a cat", "-n",        "blurry", "-W",         "320",           "-H",    "256", "--steps",     "7",
       "-g",       "3.5",   "--sampler", "heun",   "--schedule", "karras",        "--eta", "0.5", "--rng",       "cuda",
       "--compat", "comfy", "--dtype",   "f32",    "-m",         "x.safetensors", "--vae", "v",   "--clip-skip", "2"});
  Recipe expected;
  expected.prompt = "a cat";
  expected.negative_prompt = "blurry";
  expected.width = 320;
  expected.height = 256;
  expected.steps = 7;
  expected.guidance = 3.5;
  expected.sampler = SamplerKind::heun;
  expected.schedule = ScheduleKind::karras;
  expected.eta = 0.5;
  expected.rng = NoiseKind::cuda;
  expected.compat = Compat::comfy;
  expected.dtype = "f32";
  expected.model = "x.safetensors";
  expected.vae = "v";
  expected.clip_skip = 2;
  CHECK(recipe == expected);
}

TEST_CASE("levels come one by one, or as a schedule and its steps") {
  const auto listed = parse({"--timesteps", "999,749,499"});
  CHECK(listed.timesteps == std::vector<double>{999, 749, 499});
  CHECK(listed.steps == 3);
  const auto sigmas = parse({"--sigmas", "14.6,2.5,0"});
  CHECK(sigmas.sigmas == std::vector<double>{14.6, 2.5, 0});
  CHECK(sigmas.steps == 2);
  CHECK_THROWS_AS(parse({"--timesteps", "999", "--steps", "4"}), CLI::ExcludesError);
  CHECK_THROWS_AS(parse({"--timesteps", "999", "--sigmas", "4"}), CLI::ExcludesError);
  CHECK_THROWS_AS(parse({"--sigmas", "a,b"}), CLI::ConversionError);
  const auto lightning = parse({"-g", "1.5", "--steps", "8", "--few-steps", "lightning"});
  CHECK(lightning.steps == 8);
  CHECK(lightning.guidance == 1.5);
  CHECK(lightning.schedule == ScheduleKind::trailing);
  CHECK(parse({"--few-steps", "dmd2"}).timesteps.size() == 4);
  CHECK(parse({"--few-steps", "dmd2", "--steps", "2"}).timesteps.empty());
  CHECK_THROWS_AS(parse({"--few-steps", "few"}), Error);
}

TEST_CASE("a refiner has a model and a share of the run") {
  CHECK(parse({"--refiner", "r.safetensors"}).refiner == Refiner{"r.safetensors", 0.8});
  CHECK(parse({"--refiner", "r.safetensors", "--switch-at", "0.6"}).refiner == Refiner{"r.safetensors", 0.6});
  CHECK_FALSE(parse({"--refiner", "r.safetensors", "--no-refiner"}).refiner);
  const auto recipe = parse({"--aesthetic-score", "7", "--negative-aesthetic-score", "1.5"});
  CHECK(recipe.aesthetic_score == 7);
  CHECK(recipe.negative_aesthetic_score == 1.5);
}

TEST_CASE("of a flag given twice the last counts") {
  CHECK(parse({"--steps", "7", "-p", "a cat", "--steps", "9", "-p", "a dog"}).steps == 9);
  CHECK(parse({"-p", "a cat", "-p", "a dog"}).prompt == "a dog");
  CHECK(parse({"-m", "a", "-m", "b", "-s", "1", "-s", "2,3"}).seeds == std::vector<uint64_t>{2, 3});
}

TEST_CASE("a sampler's name may imply its schedule, and --schedule has the last word") {
  CHECK(parse({"--sampler", "DPM++ 2M Karras"}).schedule == ScheduleKind::karras);
  CHECK(parse({"--schedule", "exponential", "--sampler", "DPM++ 2M Karras"}).schedule == ScheduleKind::exponential);
}

TEST_CASE("seeds are a list, and a batch counts up from the first") {
  CHECK(parse_seeds("3") == std::vector<uint64_t>{3});
  CHECK(parse_seeds("3,18446744073709551615") == std::vector<uint64_t>{3, 18446744073709551615u});
  CHECK(parse_seeds("random").size() == 1);
  CHECK(parse({"-s", "5", "--batch", "3"}).seeds == std::vector<uint64_t>{5, 6, 7});
  CHECK(parse({"--batch", "64"}).seeds.size() == 64);
  CHECK_THROWS_AS(parse({"--batch", "65"}), CLI::ValidationError);  // as a run would
  for (const char* wrong : {"", ",", "1,", "1,,2", "-1", "1.5", "18446744073709551616", " 1", "1 2"})
    CHECK_THROWS_AS(parse_seeds(wrong), Error);
}

TEST_CASE("controls act in the order of the command line, whatever their kind") {
  const auto recipe = parse({"--mask", "park", "--inject", "a dragon @ output:0", "--mask", "cat", "--inject", "snow"});
  REQUIRE(recipe.controls.size() == 4);
  CHECK(recipe.controls[0] == mask_tokens("park"));
  CHECK(recipe.controls[1] == inject("a dragon").at("output:0"));
  CHECK(recipe.controls[2] == mask_tokens("cat"));
  CHECK(recipe.controls[3] == inject("snow"));
}

TEST_CASE("regions act in the order of the command line, too") {
  const auto recipe = parse({"--inject", "snow", "--region", "a cat @ left half", "--region", "a dog @ right half",
                             "--mask", "park", "--region", "a fox @ top half"});
  REQUIRE(recipe.controls.size() == 4);
  CHECK(recipe.controls[0] == inject("snow"));
  CHECK(std::get<Regions>(recipe.controls[1].effect).prompts.size() == 2);
  CHECK(recipe.controls[2] == mask_tokens("park"));
  CHECK(std::get<Regions>(recipe.controls[3].effect).prompts.size() == 1);
}

TEST_CASE("regions whose items agree are one control, others their own") {
  const auto recipe = parse({"--region", "a cat @ left half, content, sigma 15..2", "--region", "a dog @ right half",
                             "--region", "a fox @ top half, content, sigma 15..2", "--base-share", "0.2"});
  REQUIRE(recipe.controls.size() == 2);
  const Region left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1), top = rectangle(0, 0, 1, 0.5);
  CHECK(recipe.controls[0] == regions({{"a cat", left}, {"a fox", top}}, 0.2).at("content").sigma(15, 2));
  CHECK(recipe.controls[1] == regions({{"a dog", right}}, 0.2));
}

TEST_CASE("all regions make one control, with its base share") {
  const auto recipe = parse({"--region", "a cat @ left half", "--base-share", "0.2", "--region", "a dog @ right half"});
  REQUIRE(recipe.controls.size() == 1);
  const auto& made = std::get<Regions>(recipe.controls[0].effect);
  REQUIRE(made.prompts.size() == 2);
  CHECK(made.prompts[0].prompt == "a cat");
  CHECK(made.prompts[1].prompt == "a dog");
  CHECK(made.base_share == Curve(0.2));
  CHECK_THROWS_AS(parse({"--base-share", "0.2"}), Error);
}

TEST_CASE("controls of the short forms that are not about words") {
  const auto recipe = parse({"--attend", "right half=0 @ region left half", "--smooth", "0.2 @ coarse", "--share",
                             "0 @ rows both", "--guidance-curve", "0:8 1:3"});
  REQUIRE(recipe.controls.size() == 4);
  CHECK(recipe.controls[1] == smooth(0.2).at("coarse"));
  CHECK(recipe.controls[3] == guidance({{0, 8}, {1, 3}}));
}

TEST_CASE("controls of the short forms that guide or edit") {
  const auto recipe = parse(
      {"--seed", "3,3", "--prompt-to-prompt", "a dog in a park @ method replace, cross 0:1 0.5:0, self_tokens 64",
       "--normalized-guidance", "blurry @ scale 4, limit 2", "--guide-by", "blur=0:3 1:1 @ middle:0, blur_sigma 2",
       "--features", "f.safetensors @ output:1.1, progress 0..0.8", "--record", "f @ what features"});
  CHECK(recipe.seeds == std::vector<uint64_t>{3, 3});
  REQUIRE(recipe.controls.size() == 5);
  CHECK(recipe.controls[3] == features("f.safetensors").at("output:1.1").progress(0, 0.8));
  CHECK(recipe.controls[4].effect == Effect(Capture{.name = "f", .what = Capture::What::features}));
  CHECK(recipe.controls[0].effect == Effect(PromptToPrompt{.prompt = "a dog in a park",
                                                           .method = PromptToPrompt::Method::replace,
                                                           .cross = {{0, 1}, {0.5, 0}},
                                                           .self_tokens = 64}));
  CHECK(recipe.controls[1].effect == Effect(NormalizedGuidance{.prompt = "blurry", .scale = 4, .limit = 2}));
  auto blur = guide_by(GuideBy::Perturb::blur, {{0, 3}, {1, 1}}).at("middle:0");
  std::get<GuideBy>(blur.effect).blur_sigma = 2;
  CHECK(recipe.controls[2] == blur);
  CHECK_THROWS_WITH_AS(parse({"--guide-by", "shuffle=3"}), doctest::Contains("identity"), Error);
}

TEST_CASE("short forms of what shapes guidance, and of FreeU") {
  const auto recipe =
      parse({"--freeu", "1.3 1.4 0.9 0.2 @ version 1, output:0, rows cond", "--rescaled-guidance", "0.7",
             "--zero-star-guidance", "1 @ zero_steps 2", "--tangential-guidance", "0.5", "--projected-guidance",
             "0.2 @ limit 0:15 1:5, momentum -0.25, of picture", "--frequency-guidance", "3 8 @ sigma 15..2",
             "--skimmed-guidance", "4 @ full_negative, unfiltered", "--thresholded-guidance",
             "7 @ percentile 0.9, strength 0.5", "--guide-by", "map=0.75 @ threshold 1.5, blur_sigma 2"});
  REQUIRE(recipe.controls.size() == 9);
  CHECK(recipe.controls[0] ==
        freeu({.b1 = 1.3, .b2 = 1.4, .s1 = 0.9, .s2 = 0.2, .version = 1}).at("output:0").on(Rows::cond));
  CHECK(recipe.controls[2].effect == Effect(ZeroStarGuidance{.zero_steps = 2}));
  CHECK(recipe.controls[4] == projected_guidance({0.2, {{0, 15}, {1, 5}}, -0.25, ProjectedGuidance::Of::picture}));
  CHECK(recipe.controls[5] == frequency_guidance(3, 8).sigma(15, 2));
  CHECK(recipe.controls[6].effect == Effect(SkimmedGuidance{.scale = 4, .full_negative = true, .filter = false}));
  CHECK(recipe.controls[7] == thresholded_guidance(7, 0.9).strength(0.5));
  CHECK_THROWS_AS(parse({"--freeu", "1.3 1.4 0.9"}), Error);
  CHECK_THROWS_AS(parse({"--projected-guidance", "0 @ of noise"}), Error);
}

TEST_CASE("LoRAs are files with a strength, or names in a folder") {
  const auto recipe = parse({"--loras", "styles", "--lora", "a=0.8 @ output:1, sigma 15..2", "--lora", "b.safetensors",
                             "--lora", "c=0:1 0.5:0 @ text_strength 0, dora lycoris", "--lora-strict", "no"});
  CHECK(recipe.loras == "styles");
  REQUIRE(recipe.controls.size() == 3);
  auto first = lora("a", 0.8).at("output:1").sigma(15, 2);
  std::get<Lora>(first.effect).strict = false;
  CHECK(recipe.controls[0] == first);
  CHECK(recipe.controls[1].effect == Effect(Lora{.file = "b.safetensors", .strict = false}));
  CHECK(recipe.controls[2].effect == Effect(Lora{.file = "c",
                                                 .strength = {{0, 1}, {0.5, 0}},
                                                 .text_strength = 0,
                                                 .strict = false,
                                                 .dora = DoraReading::lycoris}));
  const auto placed = parse({"--lora", "a=0.8 @ blocks 1,0,0.5 -1, region left half, rows cond, images 0 2"}).controls;
  auto wanted = lora("a", 0.8).within(rectangle(0, 0, 0.5, 1)).on(Rows::cond).for_images({0, 2});
  std::get<Lora>(wanted.effect).blocks = {1, 0, 0.5, -1};
  CHECK(placed == std::vector{wanted});
  CHECK_THROWS_WITH_AS(parse({"--lora", "a=0.8 @ heads 1"}), doctest::Contains("heads"), Error);
  CHECK_THROWS_AS(parse({"--lora-strict", "maybe"}), CLI::ValidationError);
}

TEST_CASE("a picture prompt is an adapter and pictures") {
  const auto list =
      parse({"--picture-prompt", "ip.safetensors=cat.png + my dog.png @ strength 0:1 0.5:-2, output:1",
             "--picture-prompt", "face=v.safetensors @ how share, gain 2, encoder \"my clip\", rows cond"})
          .controls;
  REQUIRE(list.size() == 2);
  CHECK(list[0] == picture_prompt("ip.safetensors", {"cat.png", "my dog.png"}, {{0, 1}, {0.5, -2}}).at("output:1"));
  const auto& face = std::get<PicturePrompt>(list[1].effect);
  CHECK((face.how == PicturePrompt::How::share && face.gain_k == 2 && face.gain_v == 2 && face.encoder == "my clip"));
  CHECK(list[1].rows == Rows::cond);
  for (const char* wrong : {"ip.safetensors", "=cat.png", "ip=cat.png @ how with", "ip=cat.png @ prepare canny"})
    CHECK_THROWS_AS(parse({"--picture-prompt", wrong}), Error);
}

TEST_CASE("a ControlNet is a file and a picture, with what is made of it") {
  const auto list = parse({"--controlnet", "canny.safetensors=house.png @ strength 0:1 0.5:0, prepare canny 50 150",
                           "--controlnet", "union=a.png @ input:1, guess, fit pad, type lineart, rows both",
                           "--controlnet", "i=b.png @ prepare mask left half"})
                        .controls;
  REQUIRE(list.size() == 3);
  auto edges = controlnet("canny.safetensors", "house.png", {{0, 1}, {0.5, 0}});
  auto& net = std::get<ControlNet>(edges.effect);
  net.prepare = ControlNet::Prepare::canny, net.low = 50, net.high = 150;
  CHECK(list[0] == edges);
  const auto& second = std::get<ControlNet>(list[1].effect);
  CHECK(list[1].where == "input:1");
  CHECK((second.guess && second.fit == Fit::pad && second.type == ControlNet::Type::canny));
  CHECK(std::get<ControlNet>(list[2].effect).mask == rectangle(0, 0, 0.5, 1));
  for (const char* wrong : {"canny.safetensors", "a=b @ prepare canny 50", "a=b @ prepare invert 3", "a=b @ type cat",
                            "a=b @ heads 1", "a=b @ prepare mask"})
    CHECK_THROWS_AS(parse({"--controlnet", wrong}), Error);
}

TEST_CASE("a recipe's controls can be taken away") {
  const File file("corepulse-run-flags-without.json");
  Recipe written;
  written.controls = {inject("a dragon"), mask_tokens("park"), inject("snow")};
  std::ofstream(file.path) << to_json(written);
  const auto left = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"--recipe", file.path.string()});
    return parse(flags).controls;
  };
  CHECK(left({"--no-controls"}).empty());
  CHECK(left({"--no-controls", "--mask", "cat"}) == std::vector{mask_tokens("cat")});
  CHECK(left({"--without", "1"}) == std::vector{inject("a dragon"), inject("snow")});
  CHECK(left({"--without", "2,0"}) == std::vector{mask_tokens("park")});
  CHECK_THROWS_WITH_AS(left({"--without", "3"}), doctest::Contains("expected 0 to 2"), Error);
  CHECK_THROWS_AS(parse({"--without", "0"}), Error);
}

TEST_CASE("flags given twice with different values are noted") {
  const auto notes = [](std::vector<std::string> arguments) {
    CLI::App app;
    RunFlags flags(app);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return flags.notes();
  };
  CHECK(notes({"-p", "a", "-p", "b"}) ==
        std::vector<std::string>{"--prompt was given 2 times; the last counts: \"b\""});
  CHECK(notes({"-p", "a", "-p", "a", "--mask", "x", "--mask", "y", "--steps", "3"}).empty());
  CHECK(notes({"--steps", "3", "--steps", "4"}).size() == 1);
}

TEST_CASE("brackets, quotes and leading dashes in a prompt stay as they are") {
  CHECK(parse({"-p", "[a, b]"}).prompt == "[a, b]");
  CHECK(parse({"-p", "\"a cat\""}).prompt == "\"a cat\"");
  CHECK(parse({"--prompt=-p"}).prompt == "-p");
  CHECK(parse({"-p", ""}).prompt == "");
}

TEST_CASE("flags change a recipe's fields and add to its controls") {
  const File file("corepulse-run-flags-test.json");
  Recipe written;
  written.prompt = "a cat";
  written.steps = 9;
  written.controls = {inject("a dragon")};
  std::ofstream(file.path) << to_json(written);
  CHECK(parse({"--recipe", file.path.string()}) == written);
  const auto changed = parse({"--recipe", file.path.string(), "--steps", "4", "--mask", "cat"});
  CHECK(changed.steps == 4);
  CHECK(changed.prompt == "a cat");
  CHECK(changed.controls.size() == 2);
}

TEST_CASE("a picture's recipe is read, and a picture without one is an error") {
  const File file("corepulse-run-flags-test.png");
  Recipe written;
  written.prompt = "a cat";
  const Image image{8, 8, std::vector<uint8_t>(8 * 8 * 3)};
  save_image(image, file.path, {{"corepulse", to_json(written)}});
  CHECK(parse({"--from", file.path.string()}) == written);
  save_image(image, file.path, {{"parameters", "a cat"}});
  CHECK_THROWS_AS(parse({"--from", file.path.string()}), Error);
  CHECK_THROWS_AS(parse({"--from", "/no/such/picture.png"}), Error);
}

TEST_CASE("a picture of another program is read as far as it says, and what is left out is noted") {
  const File file("corepulse-run-flags-foreign.png");
  save_image({8, 8, std::vector<uint8_t>(8 * 8 * 3)}, file.path,
             {{"parameters", "a (cat:1.2)\nSteps: 7, Sampler: Euler a, Seed: 3, Size: 64x64, ENSD: 31337"}});
  CLI::App app;
  RunFlags flags(app);
  app.parse(
      std::vector<std::string>{"9", "--guidance", file.path.string(), "--from"});  // in reverse, as CLI11 takes it
  std::vector<std::string> notes;
  const auto recipe = flags.recipe(&notes);
  CHECK(recipe.prompt == "a (cat:1.2)");
  CHECK(recipe.syntax == PromptSyntax::a1111);
  CHECK(recipe.steps == 7);
  CHECK(recipe.guidance == 9);
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("(A1111): not carried over: guidance (not said), ENSD 31337") != std::string::npos);
}
