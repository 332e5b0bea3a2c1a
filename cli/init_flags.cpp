// The flags that say what picture a run starts from: each changes one field of the recipe's `init`.

#include <map>

#include "corepulse/error.h"
#include "corepulse/shorthand.h"

#include "run_flags.h"
#include "target.h"

namespace corepulse::cli {

namespace {

const std::map<std::string, Fit> kFits{{"crop", Fit::crop}, {"pad", Fit::pad}, {"stretch", Fit::stretch}};
const std::map<std::string, SoftMask> kSofts{{"blend", SoftMask::blend}, {"strength", SoftMask::strength}};
const std::map<std::string, Resample> kFilters{{"lanczos", Resample::lanczos},
                                               {"nearest", Resample::nearest},
                                               {"bilinear", Resample::bilinear},
                                               {"bicubic", Resample::bicubic}};

InitPicture& init_of(Recipe& recipe) {
  return recipe.init ? *recipe.init : recipe.init.emplace();
}

Inversion& inversion_of(Recipe& recipe) {
  auto& invert = init_of(recipe).invert;
  return invert ? *invert : invert.emplace();
}

/** A region's short form, or a mask's file by its extension. */
Region region_or_file(const std::string& text) {
  const bool spaced = text.find(' ') != text.npos;
  for (const char* extension : {".png", ".jpg", ".jpeg", ".webp"})
    if (!spaced && text.ends_with(extension)) return picture(expand_home(text));
  return parse_region(text);
}

std::vector<int> four_numbers(const std::string& text) {
  std::vector<int> numbers;
  for (const auto& part : CLI::detail::split(text, ',')) {
    int number = 0;
    if (!CLI::detail::lexical_cast(part, number)) break;
    numbers.push_back(number);
  }
  if (numbers.size() == 4) return numbers;
  throw Error(ErrorCode::invalid_request, "[--grow] '" + text + "'; expected four numbers: left,top,right,bottom");
}

/** CLI11 gives "" or "true" for a value that was left out. */
int padding(const std::string& text) {
  int pixels = 32;  // A1111's
  if (text.empty() || text == "true" || CLI::detail::lexical_cast(text, pixels)) return pixels;
  throw Error(ErrorCode::invalid_request, "[--only-masked] '" + text + "'; expected pixels around the mask, as in 32");
}

}  // namespace

void RunFlags::init_flag(const std::string& flag, const std::string& help, void (*change)(InitPicture&)) {
  const auto record = [this, change] { changes_.push_back([change](Recipe& recipe) { change(init_of(recipe)); }); };
  command_.add_flag_callback(flag, record, help)->group(group_);
}

void RunFlags::add_init() {
  text("--init", "A picture to start from, instead of noise alone: PNG, JPEG or WebP",
       [](Recipe& recipe, const std::string& value) {
         auto& init = init_of(recipe);
         init.file = expand_home(value);
         init.data.clear(), init.sha256.clear();
       });
  text("--strength", "How far it may change: above 0, to 1 [0.75]", [](Recipe& recipe, const std::string& value) {
    if (!CLI::detail::lexical_cast(value, init_of(recipe).strength)) throw CLI::ConversionError(value, "--strength");
  });
  text("--repaint", "\"left half feather 0.05\", or a mask's file: what is drawn anew; the rest stays",
       [](Recipe& recipe, const std::string& value) { init_of(recipe).mask = region_or_file(value); });
  text("--soft", "What the mask's values between 0 and 1 mean [blend]", [](Recipe& recipe, const std::string& value) {
    init_of(recipe).soft = kSofts.at(value);
  })->check(CLI::IsMember({"blend", "strength"}));
  text("--only-masked", "Draw the mask's surroundings alone, with so many pixels around it [32]",
       [](Recipe& recipe, const std::string& value) { init_of(recipe).only_masked = padding(value); })
      ->expected(0, 1);
  text("--grow", "LEFT,TOP,RIGHT,BOTTOM: pixels of new canvas around it, drawn anew",
       [](Recipe& recipe, const std::string& value) { init_of(recipe).grow = four_numbers(value); });
  text("--fit", "How it comes to the run's size [crop]", [](Recipe& recipe, const std::string& value) {
    init_of(recipe).fit = kFits.at(value);
  })->check(CLI::IsMember({"crop", "pad", "stretch"}));
  text("--resample", "How its pixels of that size are computed [lanczos]",
       [](Recipe& recipe, const std::string& value) { init_of(recipe).resample = kFilters.at(value); })
      ->check(CLI::IsMember({"lanczos", "nearest", "bilinear", "bicubic"}));
  init_flag("--exact-steps", "All --steps run, whatever the strength", [](InitPicture& i) { i.exact_steps = true; });
  add_inversion();
  text("--second-pass",
       "\"2x, strength 0.5, steps 20, upscale lanczos\", or 512x768: over what was drawn, at another size",
       [](Recipe& recipe, const std::string& value) { recipe.second_pass = parse_second_pass(value); });
  command_
      .add_flag_callback(
          "--no-second-pass", [this] { changes_.push_back([](Recipe& recipe) { recipe.second_pass.reset(); }); },
          "Without that of --recipe or --from")
      ->group(group_);
  init_flag("--no-paste", "What stays is what the VAE makes of it", [](InitPicture& i) { i.paste = false; });
}

void RunFlags::add_inversion() {
  text("--invert",
       "Start from latents that draw it again as image 0, for others to look at; with what it shows "
       "[the prompt]",
       [](Recipe& recipe, const std::string& value) {
         auto& invert = inversion_of(recipe);
         if (!value.empty() && value != "true") invert.prompt = value;
       })
      ->expected(0, 1);
  text("--invert-refine", "0 to 20 more model calls at each step of --invert, for a nearer way back [0]",
       [](Recipe& recipe, const std::string& value) {
         if (!CLI::detail::lexical_cast(value, inversion_of(recipe).refine))
           throw CLI::ConversionError(value, "--invert-refine");
       });
  init_flag("--no-correction", "Image 0 is drawn as the others, not held to the way of --invert",
            [](InitPicture& i) { (i.invert ? *i.invert : i.invert.emplace()).correct = false; });
}

}  // namespace corepulse::cli
