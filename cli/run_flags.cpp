// The flags that describe a run, shared by the commands that make or explain one.

#include "run_flags.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <utility>

#include "corepulse/error.h"
#include "corepulse/image.h"
#include "corepulse/picture_recipe.h"
#include "corepulse/pipeline.h"
#include "corepulse/shorthand.h"

#include "definitions.h"
#include "target.h"

namespace corepulse::cli {

namespace {

/** A recipe's text, whose paths are relative to its file's folder. */
Recipe recipe_in(const std::string& text, const std::filesystem::path& file) {
  return recipe_from_folder(recipe_from_json(text), file.parent_path());
}

/** A file, or the name of a recipe that comes with the program. */
Recipe read_recipe(const std::string& file) {
  if (file == "-") return recipe_in({std::istreambuf_iterator<char>(std::cin), {}}, "");
  const bool a_name = file.find_first_of("./\\") == file.npos;
  if (a_name && !std::ifstream(file)) return recipe_from_json(preset_json(file));
  std::ifstream stream(expand_home(file), std::ios::binary);
  if (!stream) throw Error(ErrorCode::not_found, fmt::format("[recipe] cannot read {}", file));
  return recipe_in({std::istreambuf_iterator<char>(stream), {}}, expand_home(file));
}

/**
 * @param loras where the LoRAs lie that another program's picture names; "": nobody knows. @param notes takes what the
 * recipe lacks of such a picture.
 */
Recipe recipe_in_picture(const std::string& file, const std::string& loras, std::vector<std::string>* notes) {
  const auto text = load_image_text(expand_home(file));
  if (const auto own = text.find("corepulse"); own != text.end()) return recipe_in(own->second, expand_home(file));
  try {
    auto read = recipe_of_picture(text, loras);
    if (notes)
      for (const auto& line : read.notes) notes->push_back(fmt::format("{} ({}): {}", file, read.program, line));
    return read.recipe;
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("[--from] {}: {}", file, error.what()));
  }
}

/** The same but for the prompts, so that one control can hold those of both. */
bool same_but_prompts(Control a, Control b) {
  std::get<Regions>(a.effect).prompts.clear();
  std::get<Regions>(b.effect).prompts.clear();
  return a == b;
}

/** Regions given one after the other share the pixels where they overlap: those that act alike become one control. */
bool joins_regions(const Control& control, std::vector<Control>& before) {
  const auto* regions = std::get_if<Regions>(&control.effect);
  if (!regions) return false;
  for (auto other = before.rbegin(); other != before.rend(); ++other) {
    auto* there = std::get_if<Regions>(&other->effect);
    if (!there) return false;
    if (!same_but_prompts(control, *other)) continue;
    there->prompts.insert(there->prompts.end(), regions->prompts.begin(), regions->prompts.end());
    return true;
  }
  return false;
}

void set_base_share(std::vector<Control>& controls, const Curve& share) {
  bool any = false;
  for (auto& control : controls)
    if (auto* regions = std::get_if<Regions>(&control.effect)) regions->base_share = share, any = true;
  if (!any) throw Error(ErrorCode::invalid_request, "[--base-share] needs at least one --region");
}

}  // namespace

std::vector<uint64_t> parse_seeds(const std::string& text) {
  if (text == "random") return {std::random_device{}()};
  std::vector<uint64_t> seeds;
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    uint64_t seed = 0;
    const auto [next, error] = std::from_chars(at, end, seed);
    if (error != std::errc()) break;
    seeds.push_back(seed);
    if (next == end) return seeds;
    if (*next != ',') break;
    at = next + 1;
  }
  throw Error(
      ErrorCode::invalid_request,
      fmt::format("[--seed] '{}' is no list of seeds; expected 3, or 3,4,5, each 0 to 2^64-1, or random", text));
}

RunFlags::RunFlags(CLI::App& command) : command_(command) {
  command_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  group_ = "Start from";
  add_start();
  group_ = "What to draw";
  add_picture();
  group_ = "From a picture";
  add_init();
  group_ = "Control (each may be given several times; they act in the order given)";
  add_controls();
  group_ = "Sampling";
  add_sampling();
  group_ = "Model";
  add_model();
}

CLI::Option* RunFlags::text(const std::string& flag, const std::string& help,
                            std::function<void(Recipe&, const std::string&)> change) {
  return command_
      .add_option_function<std::string>(
          flag,
          [this, change = std::move(change)](const std::string& value) {
            changes_.push_back([change, value](Recipe& recipe) { change(recipe, value); });
          },
          help)
      ->group(group_);
}

void RunFlags::add_start() {
  auto* recipe =
      command_.add_option("--recipe", recipe_file_,
                          "A JSON file (its paths are seen from its folder), - for standard input, or a name that "
                          "`corepulse recipes` lists");
  auto* from =
      command_.add_option("--from", picture_file_,
                          "A picture made by corepulse: repeats its run; or by another program: as far as it says");
  recipe->group(group_)->excludes(from);
  offer(recipe, preset_names, /*only=*/false);
  from->group(group_);
  auto* none = command_.add_flag("--no-controls", no_controls_, "Without the controls of --recipe or --from");
  none->group(group_);
  command_.add_option("--without", without_, "N or N,N,...: without these controls, by the numbers that explain shows")
      ->group(group_)
      ->delimiter(',')
      ->type_name("N")
      ->excludes(none);
}

void RunFlags::add_picture() {
  field("-p,--prompt", &Recipe::prompt, "What the picture shows");
  field("-n,--negative", &Recipe::negative_prompt, "What it should not show");
  field("--prompt-2", &Recipe::prompt_2, "What SDXL's second text encoder reads instead [the prompt]");
  field("--negative-2", &Recipe::negative_prompt_2, "Likewise [the negative prompt]");
  text("--embeddings", "A folder whose .safetensors files are words (textual inversion)",
       [](Recipe& recipe, const std::string& value) { recipe.embeddings = Embeddings{expand_home(value), {}}; });
  offer(text("--syntax", "How prompts are read: plain, a1111, comfy, compel [plain]",
             [](Recipe& recipe, const std::string& value) { recipe.syntax = parse_syntax(value); }),
        {"plain", "a1111", "comfy", "compel"});
  field("-W,--width", &Recipe::width, "Pixels, a multiple of 8 [the model's own]");
  field("-H,--height", &Recipe::height, "Pixels, a multiple of 8 [the model's own]");
  text("-s,--seed", "N or N,N,...: one picture each; or random [0]",
       [](Recipe& recipe, const std::string& value) { recipe.seeds = parse_seeds(value); });
  command_.add_option("--batch", batch_, "1 to 64 pictures, from seeds N, N+1, ...")
      ->group(group_)
      ->check(CLI::Range(1, 64));
}

void RunFlags::add_model() {
  offer(field("-m,--model", &Recipe::model, "builtin, a folder, a .safetensors file, or org/name [builtin]"),
        {"builtin"}, /*only=*/false);
  field("--unet", &Recipe::unet, "The UNet from elsewhere");
  field("--vae", &Recipe::vae, "The VAE from elsewhere");
  field("--text-encoder", &Recipe::text_encoder, "The (first) text encoder from elsewhere");
  field("--text-encoder-2", &Recipe::text_encoder_2, "SDXL's second text encoder from elsewhere");
  field("--tokenizer", &Recipe::tokenizer, "A folder with vocab.json and merges.txt");
  field("--config", &Recipe::config, "A Diffusers folder whose config.json files are used");
  offer(field("--family", &Recipe::family, "sd1, sd2, sdxl, sdxl_refiner [detected]"),
        {"sd1", "sd2", "sdxl", "sdxl_refiner"});
  offer(field("--prediction", &Recipe::prediction, "epsilon, v, sample [as the model says]"),
        {"epsilon", "v", "sample"});
  field("--variant", &Recipe::variant, "Prefer files of this variant, e.g. fp16");
  add_refiner();
  field("--dtype", &Recipe::dtype, "[auto]")->check(CLI::IsMember({"auto", "f32", "f16", "bf16", "int8"}));
}

void RunFlags::control(const std::string& flag, const std::string& help,
                       std::function<Control(const std::string&)> parse) {
  auto* option = command_.add_option(flag, [](const CLI::results_t&) { return true; }, help);
  option->group(group_)->type_name("TEXT")->type_size(1)->expected(1);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  control_flags_.push_back({option, std::move(parse)});
}

void RunFlags::add_controls() {
  control("--inject", "\"a dragon @ content, sigma 15..0, strength 0.8\"", parse_inject);
  control("--reweight", "\"park=0.3 @ composition\": attention to a phrase", parse_reweight);
  control("--mask", "\"park\": a phrase is not read", parse_mask);
  control("--replace", "\"cat=>fox\": a phrase is read as another", parse_replace);
  control("--value-gain", "\"red=1.5\": what a phrase contributes", parse_value_gain);
  control("--temperature", "\"0.8 @ fine\": below 1 sharper, above softer", parse_temperature);
  control("--attend", "\"right half=0 @ region left half\": look at a part of the picture more or less", parse_attend);
  control("--smooth", "\"0.2 @ coarse\": look at everything alike", parse_smooth);
  control("--share", "\"0 @ align, rows both\": look at another image, too, or at a recording's file", parse_share);
  control("--prompt-to-prompt",
          "\"a dog in a park @ self 0.3\", with --seed 3,3: the second picture, drawn as the first",
          parse_prompt_to_prompt);
  control("--normalized-guidance", "\"blurry @ scale 4\": a negative prompt that works at guidance 1, too",
          parse_normalized_guidance);
  control("--guide-by",
          "\"identity=3 @ middle:0\": away from a perturbed look at itself; or blur=3, tokens=3, map=0.75",
          parse_guide_by);
  control("--blend", "\"0 @ region not attention dog\": behind each step a part of the picture becomes image 0's",
          parse_blend);
  control("--features", "\"f.safetensors @ output:1.1\": what resnets add is a recorded run's, or image 0's",
          parse_features);
  control("--freeu", "\"1.3 1.4 0.9 0.2\": FreeU's b1 b2 s1 s2", parse_freeu);
  add_guidance();
  control("--guidance-curve", "\"0:8 1:3\": --guidance over the run, or in a window", parse_guidance);
  control("--heatmap", "\"cat @ output:0, name eyes\": where the picture looks at a phrase", parse_capture);
  control("--record", "\"style @ output:1, steps 0..10\": for share; \"f @ output:1.1, what features\": for features",
          parse_record);
  control("--lora", "\"style.safetensors=0.8 @ output:1, sigma 15..2\": weights that a file changes", parse_lora);
  control("--controlnet", "\"canny.safetensors=house.png @ strength 0.8, prepare canny\": a picture that leads",
          parse_controlnet);
  control("--picture-prompt",
          "\"ip-adapter.safetensors=cat.png + dog.png @ strength 0.6\": pictures that are read beside the words",
          parse_picture_prompt);
  control("--region", "\"a red car @ left half feather 0.05, content, sigma 15..2\": a part with its own prompt",
          parse_region_prompt);
  command_.add_option("--base-share", base_share_, "How much of the prompt stays inside regions, 0 to 1 [0]")
      ->group(group_);
  add_loras();
}

void RunFlags::add_guidance() {
  control("--rescaled-guidance", "\"0.7 @ sigma 15..2\": --rescale in a window, or over the run",
          parse_rescaled_guidance);
  control("--zero-star-guidance", "\"1\": CFG-Zero*, the negative prompt's part as near as it comes",
          parse_zero_star_guidance);
  control("--tangential-guidance", "\"1\": TCFG, the negative prompt's part without what is its own",
          parse_tangential_guidance);
  control("--projected-guidance", "\"0 @ limit 15, momentum -0.5\": APG, guidance without oversaturation",
          parse_projected_guidance);
  control("--frequency-guidance", "\"3 8\": FDG, a guidance for coarse and one for fine parts",
          parse_frequency_guidance);
  control("--skimmed-guidance", "\"4\": skimmed CFG, no more than this where guidance goes too far",
          parse_skimmed_guidance);
  control("--thresholded-guidance", "\"7 @ percentile 0.995\": dynamic thresholding, the range of guidance 7",
          parse_thresholded_guidance);
}

void RunFlags::add_loras() {
  text("--loras", "The folder of the LoRAs that are named without one",
       [](Recipe& recipe, const std::string& value) { recipe.loras = expand_home(value); });
  command_.add_option("--lora-strict", lora_strict_, "no: what of a LoRA's file fits no layer is left out [yes]")
      ->group(group_)
      ->check(CLI::IsMember({"yes", "no"}));
}

std::vector<Control> RunFlags::controls() const {
  std::vector<Control> result;
  std::map<const CLI::Option*, size_t> used;
  for (const CLI::Option* option : command_.parse_order()) {
    const auto flag =
        std::find_if(control_flags_.begin(), control_flags_.end(), [&](const auto& f) { return f.option == option; });
    if (flag == control_flags_.end()) continue;
    auto control = flag->parse(option->results().at(used[option]++));
    if (auto* lora = std::get_if<Lora>(&control.effect))
      lora->file = expand_home(lora->file), lora->strict = lora_strict_ != "no";
    if (auto* side = std::get_if<ControlNet>(&control.effect))
      side->file = expand_home(side->file), side->picture = expand_home(side->picture);
    if (auto* prompt = std::get_if<PicturePrompt>(&control.effect)) {
      prompt->file = expand_home(prompt->file), prompt->encoder = expand_home(prompt->encoder);
      for (auto& picture : prompt->pictures) picture = expand_home(picture);
    }
    if (!joins_regions(control, result)) result.push_back(std::move(control));
  }
  if (!base_share_.empty()) set_base_share(result, parse_curve(base_share_));
  return result;
}

void RunFlags::take_away(Recipe& recipe) const {
  auto& controls = recipe.controls;
  if (no_controls_) controls.clear(), recipe.edits.clear();
  auto numbers = without_;
  std::sort(numbers.rbegin(), numbers.rend());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (!numbers.empty() && !recipe.edits.empty())
    throw Error(ErrorCode::invalid_request,
                "[--without] the recipe's controls were edited during its run; expected --no-controls");
  for (const int number : numbers) {
    if (number < 0 || number >= int(controls.size()))
      throw Error(ErrorCode::invalid_request,
                  fmt::format("[--without] {}; {}", number,
                              controls.empty() ? "there are no controls of --recipe or --from"
                                               : fmt::format("expected 0 to {}", recipe.controls.size() - 1)));
    controls.erase(controls.begin() + number);
  }
}

std::vector<std::string> RunFlags::notes() const {
  std::vector<std::string> notes;
  for (const auto* option : command_.get_options()) {
    const auto& values = option->results();
    if (option->get_multi_option_policy() != CLI::MultiOptionPolicy::TakeLast || option->get_items_expected_max() == 0)
      continue;
    if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end())
      notes.push_back(fmt::format("{} was given {} times; the last counts: \"{}\"", option->get_name(), values.size(),
                                  values.back()));
  }
  return notes;
}

namespace {

/** A finished picture's second pass says everything; of that, what was the recipe's own follows the recipe's flags. */
void follow(const Recipe& before, Recipe& recipe) {
  auto& pass = recipe.second_pass;
  if (!pass || pass != before.second_pass) return;
  const bool resized = recipe.width != before.width || recipe.height != before.height;
  if (resized && before.width > 0 && pass->width > 0) {
    pass->scale = static_cast<double>(pass->width) / before.width;
    pass->width = pass->height = 0;
  }
  if (pass->steps == before.steps) pass->steps = 0;
  if (pass->guidance == before.guidance) pass->guidance.reset();
  if (pass->sampler == before.sampler) pass->sampler.reset();
  if (pass->schedule == before.schedule) pass->schedule.reset();
}

}  // namespace

Recipe RunFlags::recipe(std::vector<std::string>* notes) const {
  Recipe recipe;
  if (!recipe_file_.empty()) recipe = read_recipe(recipe_file_);
  const auto loras = command_.get_option("--loras")->results();
  if (!picture_file_.empty())
    recipe = recipe_in_picture(picture_file_, loras.empty() ? "" : expand_home(loras.back()), notes);
  take_away(recipe);
  const auto before = recipe;
  for (const auto& change : changes_) change(recipe);
  follow(before, recipe);
  if (batch_ > 0) {
    const auto first = recipe.seeds.empty() ? 0 : recipe.seeds[0];
    recipe.seeds.resize(size_t(batch_));
    for (size_t i = 0; i < recipe.seeds.size(); ++i) recipe.seeds[i] = first + i;
  }
  for (auto& control : controls()) recipe.controls.push_back(std::move(control));
  return recipe;
}

}  // namespace corepulse::cli
