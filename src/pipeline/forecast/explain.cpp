#include "control/program/explain.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/pipeline.h"

#include "control/quote.h"
#include "control/recipe/words.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/forecast/hints.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/prepare/recipe_model.h"
#include "pipeline/weights/variants.h"

namespace corepulse {
namespace {

/** The way back that is gone first. */
std::string inversion_line(const pipeline::Prepared& prepared, nlohmann::ordered_json& json) {
  const auto& inversion = *prepared.resolved.recipe.init->invert;
  const auto& text = prepared.inversion->control.texts().front();
  const auto calls = pipeline::calls_of_inversion(prepared.inversion->control, inversion.refine);
  json = {{"prompt", text.prompt},
          {"model_calls", calls.count},
          {"refine", inversion.refine},
          {"correct", inversion.correct}};
  return fmt::format("before that it is inverted: {} model calls that read {}; image 0 {}\n", calls.count,
                     control::quote(text.prompt),
                     inversion.correct ? "goes the same way, and ends as the picture" : "is drawn as all others");
}

/** What a run from a picture leaves out. */
void add_init(const pipeline::Prepared& prepared, Explanation& explanation, nlohmann::ordered_json& json) {
  const auto& resolved = prepared.resolved;
  if (!resolved.recipe.init) return;
  const auto& schedule = resolved.schedule;
  const int of = schedule.steps() + schedule.skipped;
  auto line = fmt::format("from a picture: the last {} of {} steps run, from sigma {:.4g}\n", schedule.steps(), of,
                          schedule.sigma[0]);
  json["init"] = {{"steps", schedule.steps()}, {"of", of}, {"sigma", schedule.sigma[0]}};
  if (const auto& around = prepared.start->around) {
    const auto& [whole, part] = *around;
    line += fmt::format("drawn is a part of it: {}x{} of its {}x{} pixels, at {},{}\n", part.width, part.height,
                        whole.width, whole.height, part.left, part.top);
    json["init"]["part"] = {part.left, part.top, part.width, part.height};
  }
  if (prepared.inversion) line += inversion_line(prepared, json["init"]["invert"]);
  explanation.text = line + "\n" + explanation.text;
}

/** The table of the steps that the refiner takes. @param json of the pass. */
void add_refiner(const pipeline::Prepared& pass, Explanation& explanation, nlohmann::ordered_json& json) {
  if (!pass.handover) return;
  const auto& info = pass.handover->outline->info;
  const auto& programs = pass.refined->control.programs();
  explanation.text += fmt::format(
      "\nrefiner, {} ({}), from step {} on: {} of {} model calls; a control that acts before it alone is switched off "
      "here, and one that acts here alone is above\n\n{}",
      info.name, name(info.family), pass.handover->step, pass.refined->calls.size(),
      pass.refined->calls.size() + pass.calls.size(), control::explain_text(programs.front().second));
  json["refiner"] = {{"model", info.name},
                     {"family", name(info.family)},
                     {"step", pass.handover->step},
                     {"program", nlohmann::ordered_json::parse(control::explain_json(programs.front().second))}};
  for (size_t i = 1; i < programs.size(); ++i)
    json["refiner"]["edits"].push_back(
        {{"step", programs[i].first},
         {"program", nlohmann::ordered_json::parse(control::explain_json(programs[i].second))}});
}

/** The second pass's own table. */
void add_second(const pipeline::Prepared& first, Explanation& explanation, nlohmann::ordered_json& json) {
  const auto& resolved = first.second->resolved;
  const auto& schedule = resolved.schedule;
  const auto& program = first.second->control.programs().front().second;
  const auto upscale = control::name_of(first.resolved.recipe.second_pass->upscale);
  const int of = schedule.steps() + schedule.skipped;
  explanation.text += fmt::format("\nsecond pass, upscale {}: the last {} of {} steps run, from sigma {:.4g}\n\n{}",
                                  upscale, schedule.steps(), of, schedule.sigma[0], control::explain_text(program));
  json["second_pass"] = {{"upscale", upscale},
                         {"steps", schedule.steps()},
                         {"of", of},
                         {"sigma", schedule.sigma[0]},
                         {"program", nlohmann::ordered_json::parse(control::explain_json(program))}};
  add_refiner(*first.second, explanation, json["second_pass"]);
}

/** Which of the texts' words come from files. */
void add_words(const Recipe& recipe, Explanation& explanation, nlohmann::ordered_json& json) {
  if (!recipe.embeddings) return;
  for (const auto& [name, sha256] : recipe.embeddings->files) {
    explanation.text += fmt::format("a word from a file: {}\n", name);
    json["embeddings"].push_back({{"name", name}, {"sha256", sha256}});
  }
}

}  // namespace

Explanation explain(const Recipe& recipe) {
  const auto source = model_source(recipe);
  const pipeline::Outline outline(source);
  const auto prepared = pipeline::prepare(pipeline::with_model(recipe, source), outline);
  const auto& programs = prepared.control.programs();
  Explanation explanation{control::explain_text(programs.front().second), "", prepared.resolved.recipe};
  auto json = nlohmann::ordered_json::parse(control::explain_json(programs.front().second));
  add_init(prepared, explanation, json);
  add_words(prepared.resolved.recipe, explanation, json);
  for (size_t i = 1; i < programs.size(); ++i) {
    const auto& [step, program] = programs[i];
    explanation.text += fmt::format("\nfrom step {} on, edited:\n{}", step, control::explain_text(program));
    json["edits"].push_back(
        {{"step", step}, {"program", nlohmann::ordered_json::parse(control::explain_json(program))}});
  }
  add_refiner(prepared, explanation, json);
  if (prepared.second) add_second(prepared, explanation, json);
  auto hints = (prepared.second ? *prepared.second : prepared).notes_of_handover;
  for (auto& note : pipeline::notes_of(prepared.adapters)) hints.push_back(std::move(note));
  for (auto& note : pipeline::merge_notes(prepared.control)) hints.push_back(std::move(note));
  for (auto& hint : pipeline::hints(recipe, prepared.control.texts(), prepared.resolved.recipe.embeddings))
    hints.push_back(std::move(hint));
  for (const auto& hint : hints) {
    explanation.text += "note: " + hint + "\n";
    json["notes"].push_back(hint);
  }
  explanation.json = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return explanation;
}

size_t recording_bytes(const Recipe& recipe) {
  const pipeline::Outline outline(model_source(recipe));
  const auto prepared = pipeline::prepare(recipe, outline);
  size_t numbers = 0;
  for (const auto* pass = &prepared; pass; pass = pass->second.get())
    numbers += pipeline::recorded_numbers(
        pass->control, {outline.parts.unet, pass->resolved.latent_height, pass->resolved.latent_width});
  return numbers * sizeof(float);
}

}  // namespace corepulse
