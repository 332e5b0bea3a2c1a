#include "jobs/drawing.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/heat_map.h"
#include "corepulse/host/image_bytes.h"
#include "corepulse/sweep.h"

#include "http/problem.h"
#include "jobs/sweep_drawing.h"

namespace corepulse::server {
namespace {

[[noreturn]] void refuse_limit(const char* where, const std::string& what) {
  throw Problem(400, "invalid_request", fmt::format("[{}] {}; this server's limit", where, what));
}

void check_size(const char* where, int64_t width, int64_t height, const Limits& limits) {
  if (width > 65536 || height > 65536 || width * height > limits.most_pixels)
    refuse_limit(where, fmt::format("{} x {} pixels; expected at most {} in all", width, height, limits.most_pixels));
}

/** Of a recipe as asked, too, so that nothing large is begun to find out that it is too large. */
void check_limits(const Recipe& recipe, const Limits& limits) {
  check_size("width", recipe.width, recipe.height, limits);
  const auto steps = [&](const char* where, int64_t count) {
    if (count > limits.most_steps)
      refuse_limit(where, fmt::format("{} steps; expected at most {}", count, limits.most_steps));
  };
  steps("steps", recipe.steps);
  steps("timesteps", static_cast<int64_t>(recipe.timesteps.size()));
  steps("sigmas", static_cast<int64_t>(recipe.sigmas.size()));
  if (recipe.seeds.size() > size_t(limits.most_images))
    refuse_limit("seeds", fmt::format("{} pictures; expected at most {}", recipe.seeds.size(), limits.most_images));
  const auto controls = [&](size_t count) {
    if (count > size_t(limits.most_controls))
      refuse_limit("controls", fmt::format("{} of them; expected at most {}", count, limits.most_controls));
  };
  controls(recipe.controls.size());
  controls(recipe.edits.size());
  for (const auto& edit : recipe.edits) controls(edit.controls.size());
  if (recipe.init)
    for (const int pixels : recipe.init->grow) check_size("init.grow", pixels, 1, limits);
  if (!recipe.second_pass) return;
  const auto& second = *recipe.second_pass;
  steps("second_pass.steps", second.steps);
  if (second.controls) controls(second.controls->size());
  check_size("second_pass", second.width, second.height, limits);
  const double scale = second.scale.value_or(second.width > 0 || second.height > 0 ? 1 : 2);
  if (!(scale * scale * recipe.width * recipe.height <= double(limits.most_pixels)))
    refuse_limit("second_pass.scale", fmt::format("more than {} pixels", limits.most_pixels));
}

void give(Watch& watch, const std::vector<Control>& controls) {
  watch.edited = true;  // before it is known: a run that ends meanwhile must not be begun anew without them
  const bool open = watch.live->is_open();
  try {
    watch.live->set(controls);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_request || (open && watch.live->is_open())) throw;
    throw Problem(409, "conflict",
                  "[id] the job takes no controls: it has no step ahead, or its model is being loaded");
  }
}

std::vector<std::string> previews_of(const Progress& at, size_t images) {
  std::vector<std::string> previews;
  for (size_t i = 0; i < images; ++i) previews.push_back(encode_image(at.preview(int(i)), ".png"));
  return previews;
}

}  // namespace

void Watch::set_acting(Acting acting) {
  const std::lock_guard lock(mutex_);
  acting_ = std::move(acting);
}

std::vector<int> Watch::acting_at(int pass, int step) const {
  const std::lock_guard lock(mutex_);
  const auto found = acting_.find({pass, step});
  return found == acting_.end() ? std::vector<int>() : found->second;
}

Recipe Drawing::opened(Recipe recipe) {
  check_limits(recipe, limits_);
  return names_.opened(std::move(recipe));
}

Recipe Drawing::recipe_of(const Submission& asked) {
  auto recipe = recipe_from_json(asked.recipe);
  for (const auto& word : asked.heat_maps) recipe.controls.push_back(capture(word));
  return opened(std::move(recipe));
}

Explanation Drawing::explained(const Recipe& recipe) {
  auto explanation = corepulse::explain(recipe);
  check_limits(explanation.recipe, limits_);
  return explanation;
}

void Drawing::check(Job& job) {
  with_shown_names(names_, [&] {
    const bool sweep = job.asked.kind == "sweep";
    const auto recipe =
        sweep ? checked_sweep(job.asked.sweep, limits_.most_cells, [this](const Recipe& cell) { return opened(cell); })
              : recipe_of(job.asked);
    const auto explanation = explained(recipe);
    job.prompt = explanation.recipe.prompt;
    job.steps = explanation.recipe.steps;
    if (!sweep) job.resolved = to_json(names_.shown(explanation.recipe), -1);
  });
}

Explanation Drawing::explain(const std::string& recipe) {
  return with_shown_names(names_, [&] {
    auto explanation = explained(opened(recipe_from_json(recipe)));
    explanation.recipe = names_.shown(std::move(explanation.recipe));
    explanation.json = names_.shown(std::move(explanation.json));
    explanation.text = names_.shown(std::move(explanation.text));
    return explanation;
  });
}

Result Drawing::run(const Job& job, const Recipe& recipe, Watch& watch) {
  const auto explanation = explained(recipe);
  watch.set_acting(acting_of(explanation.json));
  corepulse::Request request{.recipe = recipe};
  request.stop = watch.stop;
  if (job.asked.kind == "generate") request.live = watch.live;
  request.progress = [&, images = explanation.recipe.seeds.size()](const Progress& at) {
    Watch::Step step{at.step, at.steps, at.pass, at.passes, at.sigma, at.seconds, at.inverting, {}, {}};
    if (!at.inverting) step.acting = watch.acting_at(at.pass, at.step);
    if (job.asked.previews > 0 && at.step % job.asked.previews == 0 && !at.inverting)
      step.previews = previews_of(at, images);
    if (watch.on_step) watch.on_step(step);
    return !*watch.stop;
  };
  // One that took other controls would be another the second time.
  auto result =
      models_.run(recipe, [&](Pipeline pipeline) { return pipeline.generate(request); }, [&] { return !watch.edited; });
  result.recipe = names_.shown(std::move(result.recipe));
  for (auto& note : result.notes) note = names_.shown(std::move(note));
  return result;
}

void Drawing::draw(Job& job, Watch& watch) {
  with_shown_names(names_, [&] {
    if (job.asked.kind == "sweep") return draw_sweep(job, watch);
    const auto result = run(job, recipe_of(job.asked), watch);
    job.pictures.clear(), job.heat_maps.clear();
    for (size_t i = 0; i < result.images.size(); ++i) {
      const auto& image = result.images[i];
      const auto name = fmt::format("{}-{}", job.id, i);
      write_file(folder_.picture(name), encode_image(image, ".png", image_text(result, int(i))));
      job.pictures.push_back({name, int64_t(i), result.recipe.seeds.at(i), image.width, image.height, ""});
    }
    save_heat_maps(job, result);
    job.resolved = to_json(result.recipe, -1);
    job.notes = result.notes;
  });
}

void Drawing::save_heat_maps(Job& job, const Result& result) {
  for (const auto& map : result.heat_maps) {
    const auto& image = result.images.at(size_t(map.image));
    const auto name = fmt::format("{}-heat-{}", job.id, job.heat_maps.size());
    write_file(folder_.picture(name), encode_image(overlay(map, image), ".png"));
    job.heat_maps.push_back({name, map.name, map.image});
  }
}

void Drawing::draw_sweep(Job& job, Watch& watch) {
  const auto sweep = sweep_from_json(job.asked.sweep);
  const auto all = cells(sweep);
  for (const auto& cell : all) (void)explained(opened(cell.recipe));  // a wrong one before the first is drawn
  for (const auto& cell : all) {
    const auto index = int64_t(cell.index);
    if (std::any_of(job.pictures.begin(), job.pictures.end(), [&](const auto& p) { return p.index == index; }))
      continue;
    const auto result = run(job, opened(cell.recipe), watch);
    if (result.images.size() != 1) throw Error(ErrorCode::invalid_request, "[seeds] a cell has one");
    const auto name = fmt::format("{}-{}", job.id, cell.index);
    write_file(folder_.picture(name), encode_image(result.images[0], ".png", image_text(result, 0)));
    job.pictures.push_back(
        {name, index, result.recipe.seeds.at(0), result.images[0].width, result.images[0].height, joined(cell.labels)});
    watch.on_cell(job);
  }
  save_sheet(job, columns_of(sweep));
}

void Drawing::save_sheet(Job& job, int columns) {
  std::vector<std::pair<std::string, std::string>> files;  // bytes are read one by one, labels stand below
  for (const auto& picture : job.pictures)
    if (picture.label != kSheetLabel) files.emplace_back(folder_.picture(picture.name).string(), picture.label);
  const auto sheet = sheet_of(files, columns, job.prompt);
  if (!sheet) return;
  const auto name = job.id + "-sheet";
  write_file(folder_.picture(name), encode_image(*sheet, ".png"));
  job.pictures.push_back({name, int64_t(files.size()), 0, sheet->width, sheet->height, kSheetLabel});
}

void Drawing::edit(const Job& job, Watch& watch, const std::string& controls) {
  with_shown_names(names_, [&] {
    auto recipe = recipe_of(job.asked);
    recipe.controls = names_.opened(controls_from_json(controls));
    for (const auto& word : job.asked.heat_maps) recipe.controls.push_back(capture(word));
    check_limits(recipe, limits_);
    give(watch, recipe.controls);
    try {
      watch.set_acting(acting_of(corepulse::explain(recipe).json));
    } catch (const Error&) {
      watch.set_acting({});  // what is over by now is no error of the edit, but one of a whole run
    }
  });
}

}  // namespace corepulse::server
