// Regions, controls and whole recipes from JSON.
#include <fmt/format.h>

#include "control/recipe/levels.h"
#include "control/recipe/read_object.h"

namespace corepulse {
namespace control {
namespace {

struct RegionReader : Reader<Region> {
  void point(const char* name, size_t i) { read(object.require(name), out.points[i], join(object.path(), name)); }
  void box(const char* name) {
    std::vector<double> numbers;
    const auto& json = object.require(name);
    const auto path = join(object.path(), name);
    read(json, numbers, path);
    if (numbers.size() != 4) refuse(path, what_is(json) + "; expected [x, y, width, height]");
    out.points = {{numbers[0], numbers[1]}, {numbers[2], numbers[3]}};
  }
};

/** Fields that the kind lacks are read where they stand, for the run to refuse: a recipe in memory may hold them too.
 */
struct LackingReader {
  ObjectReader& object;
  Reader<corepulse::Control>& reader;
  template <class M, class C>
  void operator()(const char* name, M C::* member) {
    if (object.holds(name)) reader(name, member);
  }
};

void read_seeds(ObjectReader& object, Recipe& out) {
  const auto *one = object.find("seed"), *all = object.find("seeds");
  if (one && all) refuse("seed", "both seed and seeds are given; expected one of them");
  if (one) read(*one, out.seeds.at(0), "seed");
  if (all) read(*all, out.seeds, "seeds");
}

// "DPM++ 2M Karras" names a schedule too, unless the recipe does.
void take_schedule_of_sampler(ObjectReader& object, Recipe& out) {
  const auto* sampler = object.find("sampler");
  if (sampler && !object.find("schedule"))
    out.schedule = parse_sampler(sampler->get_ref<const std::string&>()).schedule;
  if (!out.second_pass) return;
  const auto& pass = *object.find("second_pass");
  if (!pass.contains("sampler") || pass.contains("schedule")) return;
  const auto schedule = parse_sampler(pass["sampler"].get_ref<const std::string&>()).schedule;
  if (schedule != ScheduleKind::model) out.second_pass->schedule = schedule;
}

/** Whether fields beside the word of a model of few steps ask for other levels than it lists. */
bool asks_for_other_levels(const Json& json, const Recipe& preset) {
  const auto differs = [&](const char* field, const Json& usual) {
    return json.contains(field) && json[field] != usual;
  };
  return !json.contains("timesteps") && (differs("steps", preset.steps) || differs("sigmas", Json::array()) ||
                                         differs("schedule", name(ScheduleKind::model)));
}

/** The settings of a model of few steps, which the fields beside the word may change. */
Recipe recipe_to_start_from(const Json& json) {
  if (!json.is_object() || !json.contains("few_steps")) return {};
  FewSteps kind{};
  read(json["few_steps"], kind, "few_steps");
  auto recipe = with_few_steps({}, kind);
  if (asks_for_other_levels(json, recipe)) recipe.timesteps.clear();
  return recipe;
}

void check_levels(const Recipe& recipe) {
  const char* field = recipe.timesteps.empty() ? "sigmas" : "timesteps";
  if (!recipe.timesteps.empty() && !recipe.sigmas.empty())
    refuse("sigmas", "timesteps are given, too; expected one of them");
  const auto steps = listed_steps(recipe);
  if (steps == 0) refuse(field, "no level above 0; expected one for each step");
  if (steps && recipe.steps != *steps)
    refuse("steps", fmt::format("{}, and {} names {}; expected that number, or none", recipe.steps, field, *steps));
  if (steps && recipe.schedule != ScheduleKind::model)
    refuse("schedule", fmt::format("{} names the levels one by one; expected no schedule", field));
}

void expect(bool good, const char* field, const std::string& message) {
  if (!good) refuse(field, message);
}

void check_second_pass(const Recipe& recipe) {
  const auto& pass = recipe.second_pass;
  if (!pass) return;
  expect(pass->strength > 0 && pass->strength <= 1, "second_pass.strength",
         fmt::format("{}; expected more than 0, to 1", pass->strength));
  expect(pass->width >= 0 && pass->height >= 0, pass->width < 0 ? "second_pass.width" : "second_pass.height",
         "negative; expected pixels, or 0 to follow the scale or the other side");
  expect(pass->steps >= 0 && pass->steps <= 1000, "second_pass.steps",
         fmt::format("{}; expected 1..1000, or 0 for the recipe's", pass->steps));
}

void check_refiner(const Recipe& recipe) {
  if (const auto& refiner = recipe.refiner)
    expect(refiner->switch_at >= 0 && refiner->switch_at <= 1, "refiner.switch_at",
           fmt::format("{}; expected 0..1", refiner->switch_at));
  for (const auto& [field, score] : {std::pair{"aesthetic_score", recipe.aesthetic_score},
                                     std::pair{"negative_aesthetic_score", recipe.negative_aesthetic_score}})
    if (score) expect(*score >= 0 && *score <= 10, field, fmt::format("{}; expected 0..10", *score));
}

void check_recipe(const Recipe& recipe) {
  expect(recipe.version == 1, "version", fmt::format("{}; this program reads version 1: update it", recipe.version));
  expect(!recipe.seeds.empty(), "seeds", "an empty list; expected one number per image");
  expect(recipe.width >= 0 && recipe.height >= 0, recipe.width < 0 ? "width" : "height",
         "negative; expected pixels, or 0 for the model's own size");
  expect(recipe.steps >= 1 && recipe.steps <= 1000, "steps", fmt::format("{}; expected 1..1000", recipe.steps));
  check_levels(recipe);
  expect(recipe.guidance_rescale >= 0 && recipe.guidance_rescale <= 1, "guidance_rescale",
         fmt::format("{}; expected 0..1", recipe.guidance_rescale));
  if (recipe.image_guidance)
    expect(*recipe.image_guidance >= 0 && *recipe.image_guidance <= 1000, "image_guidance",
           fmt::format("{}; expected 0..1000", *recipe.image_guidance));
  if (recipe.init && recipe.init->invert)
    expect(recipe.init->invert->refine >= 0 && recipe.init->invert->refine <= 20, "init.invert.refine",
           fmt::format("{}; expected 0..20", recipe.init->invert->refine));
  if (recipe.init)
    expect(recipe.init->strength > 0 && recipe.init->strength <= 1, "init.strength",
           fmt::format("{}; expected more than 0, to 1", recipe.init->strength));
  check_second_pass(recipe);
  check_refiner(recipe);
  expect(recipe.clip_skip >= 0, "clip_skip", fmt::format("{}; expected 0 or more", recipe.clip_skip));
  const std::vector<std::string> dtypes{"auto", "f32", "f16", "bf16", "int8"};
  if (std::find(dtypes.begin(), dtypes.end(), recipe.dtype) == dtypes.end())
    refuse_word("dtype", "value", recipe.dtype, dtypes);
}

}  // namespace

void read(const Json& json, Region& out, const std::string& path) {
  ObjectReader object(json, path);
  Region::Shape shape;
  read(object.require("shape"), shape, join(path, "shape"));
  out = default_region(shape);
  RegionReader reader{{object, out}};
  fields(reader, shape);
  if (shape == Region::Shape::picture && out.file.empty() == out.data.empty())
    refuse(path, "expected either file, a picture's name, or data, the picture itself");
  object.finish(fmt::format("a region of shape {}", name_of(shape)));
}

void read(const Json& json, corepulse::Control& out, const std::string& path) {
  ObjectReader object(json, path);
  std::string word;
  read(object.require("kind"), word, join(path, "kind"));
  const auto* kind = find_kind(word);
  if (!kind) refuse_word(join(path, "kind"), "kind", word, kind_names());
  out.effect = kind->normal;
  kind->read(object, out.effect);
  Reader<corepulse::Control> shared{object, out};
  common(shared, kind->common);
  LackingReader lacking{object, shared};
  lacking_fields(lacking, kind->common);
  if (json.contains("tokens") && json.contains("phrase"))
    refuse(path, "both phrase and tokens are given; expected one");
  object.finish(with_article(word) + " control");
}

}  // namespace control

Recipe recipe_from_json(std::string_view text) {
  const auto json = io::parse_json(text, "recipe", {}, ErrorCode::invalid_request);
  auto recipe = control::recipe_to_start_from(json);
  control::ObjectReader object(json, "");
  control::Reader<Recipe> reader{object, recipe};
  control::fields(reader, control::Type<Recipe>());
  if (const auto steps = control::listed_steps(recipe); steps && !json.contains("steps")) recipe.steps = *steps;
  control::read_seeds(object, recipe);
  control::take_schedule_of_sampler(object, recipe);
  object.finish("a recipe");
  control::check_recipe(recipe);
  return recipe;
}

PromptSyntax parse_syntax(std::string_view name) {
  const auto valid = control::strings(control::names_of<PromptSyntax>());
  const auto found = std::find(valid.begin(), valid.end(), name);
  if (found == valid.end()) control::refuse_word("syntax", "value", std::string(name), valid);
  return static_cast<PromptSyntax>(found - valid.begin());
}

std::vector<Control> controls_from_json(std::string_view text) {
  const auto json = io::parse_json(text, "recipe", {}, ErrorCode::invalid_request);
  std::vector<Control> controls;
  control::read(json, controls, "");
  return controls;
}

}  // namespace corepulse
