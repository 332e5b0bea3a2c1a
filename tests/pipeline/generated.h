#pragma once
// Random recipes for whole runs of small models, and the smallest one that still fails.

#include <functional>
#include <optional>
#include <string>

#include "corepulse/recipe.h"

#include "../support/dice.h"

namespace corepulse::test {

/** The same seed makes the same recipe. Most of them can act; the others are refused before the run. */
class RecipeGenerator : public Dice {
 public:
  RecipeGenerator(const std::string& family, unsigned seed);

  /** A few steps of a small picture with some controls, of every kind; of four, one starts from a picture; of six, one
   * has two passes. */
  Recipe recipe();
  Control control();
  /** A prompt_to_prompt of all images but the first. */
  Control edit();
  /** One of inject, reweight, mask_tokens, replace_tokens, value_gain, temperature, normalized_guidance at full
   * strength. */
  Control whole_control();
  std::string prompt();

 private:
  SamplerKind sampler();
  static SamplerKind with_little_guidance(SamplerKind sampler);
  InitPicture init();
  SecondPass second_pass();
  void draw_otherwise(Recipe& recipe);
  void add_words(Recipe& recipe);
  Curve share();
  Tokens words();
  Region region();
  Effect text_effect();
  Effect picture_effect();
  Effect other_image();
  Control step_control();
  Control shape_control();
  Control legacy_control();
  Control changed_weights();
  /** Of a ControlNet or a T2I-Adapter; for sd1 and sdxl. */
  Control side_network();
  Control read_pictures();
  /** Some regions follow where words are looked at, some images have a part, features or maps in common. */
  void follow(Recipe& recipe) const;
  void place(Control& control);

  std::string family_, model_;
  unsigned seed_;
};

/** Of those that say what guidance adds up to, on whole calls. */
bool is_shape(const Control& control);
/** It changes no attention: what explain counts are no calls of it. */
bool is_beside_attention(const Control& control);

/** The control made to change nothing, in one of the ways its kind has. */
Control neutral(Control c, unsigned variant);

/** What is wrong with a recipe, if anything. Error{invalid_request} means: it cannot be judged. */
using Complaint = std::function<std::optional<std::string>(const Recipe&)>;

/** Without controls, fields, seeds and steps that the failure does not need. */
Recipe shrunk(Recipe recipe, const Complaint& complaint);

/** The law over `count` recipes of the family that can be judged: the first that breaks it is shrunk and shown. */
void judge(const std::function<std::optional<std::string>(unsigned seed, const Recipe&)>& law,
           const std::string& family, int count, unsigned first_seed);

}  // namespace corepulse::test
