#include "pipeline/prepare/choices.h"

#include <fmt/format.h>
#include <variant>

#include "io/utf8.h"
#include "pipeline/prepare/resolve.h"
#include "text/prompt/choices.h"

namespace corepulse::pipeline {
namespace {

template <class Choose>
void choose_in(std::vector<Control>& controls, const Choose& choose) {
  for (auto& control : controls)
    std::visit(
        [&](auto& effect) {
          if constexpr (requires { choose(effect.prompt); }) choose(effect.prompt);
          if constexpr (requires { choose(*effect.prompt); })
            if (effect.prompt) choose(*effect.prompt);
          if constexpr (requires { effect.prompts; })
            for (auto& part : effect.prompts) choose(part.prompt);
        },
        control.effect);
}

}  // namespace

Recipe with_choices(Recipe recipe, std::vector<std::string>& notes) {
  check_texts(recipe);  // before anything looks through them
  if (recipe.syntax != PromptSyntax::a1111 && recipe.syntax != PromptSyntax::comfy) return recipe;
  uint64_t seed = recipe.seeds.empty() ? 0 : recipe.seeds[0];
  const auto choose = [&seed](std::string& prompt) -> void { prompt = text::choose(prompt, seed); };
  for (const auto& [field, name] :
       {std::pair{&Recipe::prompt, "prompt"}, std::pair{&Recipe::negative_prompt, "negative prompt"},
        std::pair{&Recipe::prompt_2, "second prompt"},
        std::pair{&Recipe::negative_prompt_2, "second negative prompt"}}) {
    const auto before = recipe.*field;
    choose(recipe.*field);
    if (recipe.*field != before)
      notes.push_back(fmt::format("the {}'s choices: \"{}\"", name, io::printable(recipe.*field)));
  }
  if (recipe.init && recipe.init->invert && recipe.init->invert->prompt) choose(*recipe.init->invert->prompt);
  choose_in(recipe.controls, choose);
  for (auto& edit : recipe.edits) choose_in(edit.controls, choose);
  if (recipe.second_pass && recipe.second_pass->controls) choose_in(*recipe.second_pass->controls, choose);
  return recipe;
}

}  // namespace corepulse::pipeline
