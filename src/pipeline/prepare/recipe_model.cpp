// The files a recipe names: which model it means, and paths as seen from another folder.
#include "pipeline/prepare/recipe_model.h"

#include <array>
#include <fmt/format.h>

#include "corepulse/host/recipe_files.h"
#include "corepulse/pipeline.h"

#include "base/fail.h"
#include "io/file.h"
#include "io/hf_cache.h"
#include "io/utf8.h"
#include "pipeline/prepare/visit_files.h"
#include "text/prompt/lora_tags.h"

namespace corepulse {
namespace {

namespace fs = std::filesystem;

struct SourceField {
  const char* name;
  std::string Recipe::* recipe;
  std::string ModelSource::* source;
  enum class Kind { id_or_path, path, word } kind;
};
using Kind = SourceField::Kind;

constexpr std::array kSource{
    SourceField{"model", &Recipe::model, &ModelSource::model, Kind::id_or_path},
    SourceField{"unet", &Recipe::unet, &ModelSource::unet, Kind::id_or_path},
    SourceField{"vae", &Recipe::vae, &ModelSource::vae, Kind::id_or_path},
    SourceField{"text_encoder", &Recipe::text_encoder, &ModelSource::text_encoder, Kind::id_or_path},
    SourceField{"text_encoder_2", &Recipe::text_encoder_2, &ModelSource::text_encoder_2, Kind::id_or_path},
    SourceField{"tokenizer", &Recipe::tokenizer, &ModelSource::tokenizer, Kind::path},
    SourceField{"config", &Recipe::config, &ModelSource::config, Kind::path},
    SourceField{"family", &Recipe::family, &ModelSource::family, Kind::word},
    SourceField{"prediction", &Recipe::prediction, &ModelSource::prediction, Kind::word},
    SourceField{"variant", &Recipe::variant, &ModelSource::variant, Kind::word}};

bool same(const SourceField& field, const std::string& a, const std::string& b) {
  std::error_code error;
  return a == b || (field.kind != Kind::word && !a.empty() && !b.empty() && fs::equivalent(a, b, error));
}

bool is_builtin(const SourceField& field, const std::string& text) {
  return field.recipe == &Recipe::model && text == "builtin";
}

bool is_relative(const std::string& text) {
  return !text.empty() && fs::path(text).is_relative();
}

void read_from(std::string& path, const fs::path& folder) {
  if (is_relative(path)) path = (folder / path).string();
}

/** Links are followed where they are folders; a file that is one keeps its own name. */
fs::path real(const fs::path& file) {
  std::error_code error;
  const auto absolute = fs::absolute(file, error);
  const auto folder = fs::weakly_canonical(absolute.parent_path(), error);
  return error ? absolute : folder / absolute.filename();
}

void write_for(std::string& path, const fs::path& folder) {
  if (path.empty()) return;
  const auto there = real(path).lexically_relative(real(folder / "x").parent_path());
  if (!there.empty()) path = there.string();
}

/** An org/name of Hugging Face's cache looks like a relative path. */
bool may_be_id(const SourceField& field, const std::string& text) {
  return field.kind == Kind::id_or_path && io::is_hf_id(text) && text.find('/') != text.npos &&
         !text.ends_with(".safetensors");
}

/** @param looked_up a LoRA's name without a folder is that of a file in Recipe::loras. */
template <class Change>
void change_paths(std::vector<Control>& controls, bool looked_up, const Change& change) {
  for (auto& control : controls) {
    pipeline::visit_pictures(control, [&](Region& region) { change(region.file); });
    if (const auto read = pipeline::recording_of(control)) change(*read.recording);
    auto* lora = pipeline::adapter_of(control);
    if (lora && !(looked_up && !fs::path(lora->file).has_parent_path())) change(lora->file);
    if (auto* side = pipeline::side_network_of(control)) change(side->file), change(side->picture);
    if (auto* prompt = pipeline::picture_prompt_of(control)) {
      change(prompt->file), change(prompt->encoder);
      for (auto& picture : prompt->pictures) change(picture);
    }
  }
}

template <class Change>
void change_paths(Recipe& recipe, const Change& change) {
  const bool looked_up = !recipe.loras.empty();
  change(recipe.loras);
  if (recipe.init) change(recipe.init->file);
  if (recipe.embeddings) change(recipe.embeddings->folder);
  if (recipe.init && recipe.init->mask)
    pipeline::visit_pictures(*recipe.init->mask, [&](Region& region) { change(region.file); });
  change_paths(recipe.controls, looked_up, change);
  for (auto& edit : recipe.edits) change_paths(edit.controls, looked_up, change);
  if (recipe.second_pass && recipe.second_pass->controls)
    change_paths(*recipe.second_pass->controls, looked_up, change);
}

}  // namespace

ModelSource model_source(const Recipe& recipe) {
  ModelSource source;
  for (const auto& field : kSource) source.*field.source = recipe.*field.recipe;
  if (source.model.empty()) source.model = "builtin";
  return source;
}

Recipe recipe_from_folder(Recipe recipe, const fs::path& folder) {
  if (folder.empty()) return recipe;
  const auto read = [&](const SourceField& field, std::string& given) {
    if (field.kind == Kind::word || is_builtin(field, given)) return;
    if (may_be_id(field, given) && !io::is_there(folder / given)) return;
    read_from(given, folder);
  };
  for (const auto& field : kSource) read(field, recipe.*field.recipe);
  if (recipe.refiner) read(kSource.front(), recipe.refiner->model);
  change_paths(recipe, [&](std::string& path) { read_from(path, folder); });
  return recipe;
}

Recipe recipe_for_folder(Recipe recipe, const fs::path& folder) {
  if (folder.empty()) return recipe;
  const auto write = [&](const SourceField& field, std::string& given) {
    if (field.kind != Kind::word && !is_builtin(field, given) && is_relative(given) && io::is_there(given))
      write_for(given, folder);
  };
  for (const auto& field : kSource) write(field, recipe.*field.recipe);
  if (recipe.refiner) write(kSource.front(), recipe.refiner->model);
  change_paths(recipe, [&](std::string& path) { write_for(path, folder); });
  return recipe;
}

Recipe with_file_names(Recipe recipe, const std::function<std::string(const std::string& name)>& change) {
  const auto visit = [&](std::string& name) {
    if (!name.empty()) name = change(name);
  };
  for (const auto& field : kSource)
    if (field.kind != Kind::word) visit(recipe.*field.recipe);
  if (recipe.refiner) visit(recipe.refiner->model);
  change_paths(recipe, visit);
  return recipe;
}

std::vector<std::string> tagged_files(const Recipe& recipe) {
  std::vector<std::string> names;
  if (recipe.syntax != PromptSyntax::a1111) return names;
  auto prompt = recipe.prompt;
  for (auto& tag : text::take_lora_tags(prompt)) names.push_back(std::move(tag.name));
  return names;
}

namespace pipeline {

Recipe with_model(Recipe recipe, const ModelSource& loaded) {
  const auto named = model_source(recipe);
  bool names_one = false;
  for (const auto& field : kSource) names_one = names_one || !(recipe.*field.recipe).empty();
  for (const auto& field : kSource) {
    if (names_one && !same(field, named.*field.source, loaded.*field.source))
      fail(ErrorCode::invalid_request, field.name,
           fmt::format(
               "the recipe's is \"{}\"; this pipeline was loaded with \"{}\"; expected the same; load a pipeline "
               "with model_source(recipe), or leave the recipe's model and parts empty",
               io::printable(named.*field.source, 300), io::printable(loaded.*field.source, 300)));
    if (!names_one) recipe.*field.recipe = loaded.*field.source;
  }
  if (recipe.model.empty()) recipe.model = loaded.model;
  return recipe;
}

}  // namespace pipeline
}  // namespace corepulse
