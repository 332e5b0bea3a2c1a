// What pictures, files and further passes bring into generated recipes.
#include <map>

#include "control/kind.h"
#include "control_net_file.h"
#include "generated.h"
#include "io/base64.h"
#include "io/picture/image_format.h"
#include "ip_adapter_file.h"
#include "lora_file.h"
#include "support.h"

namespace corepulse::test {

SecondPass RecipeGenerator::second_pass() {
  SecondPass pass{.scale = pick({1.0, 1.25}), .strength = pick({0.6, 0.9}), .exact_steps = true, .steps = 2};
  pass.upscale = pick({Upscale::lanczos, Upscale::latent_bilinear, Upscale::latent_nearest, Upscale::nearest,
                       Upscale::bilinear, Upscale::bicubic});
  if (below(3) == 0) pass.controls = std::vector{control()};
  return pass;
}

/** Words that files define, and a text of its own for the second encoder. */
void RecipeGenerator::add_words(Recipe& r) {
  const std::string word = family_ == "sd1" ? "redcat" : family_ == "sdxl" ? "big_dog" : "";
  if (!word.empty() && below(4) == 0) {
    r.embeddings = Embeddings{golden_folder() + "/embeddings", {}};
    r.prompt += " beside a " + word;
  }
  if (family_ == "sdxl" && below(3) == 0) r.prompt_2 = pick<std::string>({"an oil painting", "snow, a cat"});
}

InitPicture RecipeGenerator::init() {
  static const auto data = [] {
    Dice dice(7);
    Image noise{12, 9, std::vector<uint8_t>(size_t{12} * 9 * 3), {}};
    for (auto& value : noise.pixels) value = static_cast<uint8_t>(dice.below(256));
    return io::to_base64(io::encode_png(noise, {}));
  }();
  // All steps run, so that windows meet what they meet without a picture.
  InitPicture init{.data = data, .strength = pick({0.9, 0.7, 1.0}), .exact_steps = true};
  init.fit = pick({Fit::crop, Fit::pad, Fit::stretch});
  init.resample = pick({Resample::lanczos, Resample::nearest, Resample::bilinear, Resample::bicubic});
  if (below(2)) init.mask = region().feather(0.1);
  init.soft = pick({SoftMask::blend, SoftMask::strength});
  return init;
}

/** The picture on a larger canvas, a part of it alone, or gone back to what draws it. */
void RecipeGenerator::draw_otherwise(Recipe& r) {
  auto& init = *r.init;
  const int way = below(3);
  if (way == 0) init.grow = pick<std::vector<int>>({{16, 0, 0, 8}, {0, 8, 8, 0}});
  if (way == 1) {
    init.mask = pick({circle(0.5, 0.5, 0.4), rectangle(0.25, 0, 0.5, 1), rectangle(0.2, 0.2, 0.6, 0.5)}).feather(0.05);
    init.only_masked = pick({0, 2});
  }
  if (way == 2) {
    // Its image 0 is an image like the others, and what the picture shows is said, whatever the prompt.
    init = InitPicture{.data = init.data, .strength = 1, .fit = init.fit, .resample = init.resample};
    init.invert = Inversion{"a cat", below(2), false};
    r.sampler = pick({SamplerKind::ddim, SamplerKind::euler});
    r.second_pass.reset();
  }
}

Control RecipeGenerator::changed_weights() {
  static std::map<std::string, LoraFile> files;
  const bool texts = family_ != "builtin" && family_ != "sd2" && family_ != "sd2v";
  const auto file = files.try_emplace(family_, family_, "attn", 7, texts).first;
  auto c = lora(file->second.path(), pick<Curve>({0.8, -0.5, Curve{{0, 0.2}, {1, 1}}}));
  place(c);
  if (below(3) == 0) c.region = region();
  return c;
}

Control RecipeGenerator::side_network() {
  static std::map<std::string, ControlNetFile> files;
  const bool adapter = below(3) == 0;
  auto file =
      golden_folder() + (family_ == "sd1" ? "/side_networks/t2i_light" : "/side_networks/t2i_xl") + ".safetensors";
  if (!adapter) file = files.try_emplace(family_, family_).first->second.path();
  auto c = controlnet(file, "", pick<Curve>({0.8, -0.5, Curve{{0, 0.2}, {1, 1}}}));
  auto& net = std::get<ControlNet>(c.effect);
  net.data = block_picture(static_cast<unsigned>(below(50)));
  net.guess = !adapter && below(5) == 0;
  if (below(5) == 0) net.pool = true;
  place(c);
  c.where = pick<std::string>({"", "", "input:1", "input:1, input:2"});
  if (below(3) == 0) c.region = region();
  if (below(6) == 0) c.images = {0};
  return c;
}

Control RecipeGenerator::read_pictures() {
  static std::map<std::string, IpAdapterFile> files;
  const auto file = files.try_emplace(family_, family_, 7).first;
  auto c = read_picture(file->second, pick<Curve>({0.6, -0.4, Curve{{0, 0.2}, {1, 1}}}), 9);
  auto& e = std::get<PicturePrompt>(c.effect);
  if (below(3) == 0) e.how = PicturePrompt::How::share, e.strength = share();
  if (below(3) == 0) e.gain_v = 1.5;
  place(c);
  if (below(3) == 0) c.region = region();
  return c;
}

// It throws no dice: all other recipes stay what they are.
void RecipeGenerator::follow(Recipe& r) const {
  auto cat = looked_at("cat", seed_ % 2 ? 0.5 : 0.8);
  if (seed_ % 7 == 0) cat.where = "output:1";
  for (auto& c : r.controls) {
    const bool may = control::kind_of(c.effect).attention && !std::holds_alternative<GuideBy>(c.effect);
    if (seed_ % 4 != 0 || !may || c.region || c.mode != Mode::standard) continue;
    c.region = seed_ % 3 ? cat : !cat;
    break;
  }
  if (r.seeds.size() < 2) return;
  if (seed_ % 3 == 0) r.controls.push_back(blend(0, 0.5).within(!cat));
  auto others = features(0).at(seed_ % 2 ? "output:1.1" : "output:0, middle").strength({{0, 1}, {1, 0.5}});
  if (seed_ % 7 < 3) others = others.within(rectangle(0, 0, 0.5, 1));
  if (seed_ % 5 < 2) r.controls.push_back(others);
  if (seed_ % 5 > 2) r.controls.push_back(share_image(0, Share::How::map).steps(0, 2));
}

}  // namespace corepulse::test
