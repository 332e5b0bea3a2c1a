// What needs no engine: recipes, controls, regions, models, pictures. Recipes cross the border as JSON.

#include <filesystem>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "corepulse/adapter.h"
#include "corepulse/error.h"
#include "corepulse/picture_recipe.h"
#include "corepulse/pipeline.h"
#include "corepulse/shorthand.h"

#include "bindings.h"

namespace corepulse::python {

namespace {

using Bytes = nb::ndarray<nb::numpy, const uint8_t, nb::ndim<3>>;
using Without = nb::call_guard<nb::gil_scoped_release>;

/** Read and written again: as a recipe says it, without what is as it is unless set. */
std::string checked_controls(const std::string& json) {
  return to_json(controls_from_json(json), -1);
}

/** A region of the command line's short form, as JSON: the field of a control that has little else. */
std::string region_control(const std::string& text) {
  return to_json(std::vector{smooth(0.5).within(parse_region(text))}, -1);
}

std::tuple<std::string, std::string, std::string> explained(const std::string& recipe) {
  const auto explanation = explain(recipe_from_json(recipe));
  return {explanation.text, explanation.json, to_json(explanation.recipe, -1)};
}

std::string recipe_seen_from(const std::string& recipe, const std::string& folder) {
  return to_json(recipe_from_folder(recipe_from_json(recipe), folder), -1);
}

/** Recipe, the program that drew it, what of it is lost. */
std::tuple<std::string, std::string, std::vector<std::string>> recipe_in(const std::string& file) {
  const auto read = recipe_of_picture(load_image_text(file));
  const auto folder = std::filesystem::path(file).parent_path();
  return {to_json(recipe_from_folder(read.recipe, folder), -1), read.program, read.notes};
}

std::pair<std::string, std::string> inspected(const std::string& recipe) {
  const auto info = inspect_model(model_source(recipe_from_json(recipe)));
  return {to_text(info), to_json(info)};
}

std::optional<std::string> adapter_json(const std::string& file) {
  const auto summary = inspect_adapter(file);
  return summary ? std::optional(to_json(*summary)) : std::nullopt;
}

std::vector<std::pair<std::string, std::string>> preset_list() {
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& preset : presets()) list.emplace_back(preset.name, preset.about);
  return list;
}

void save_array(nb::object array, const std::string& file, const ImageText& text) {
  const auto image = image_from(std::move(array));
  const nb::gil_scoped_release without_gil;
  save_image(image, file, text);
}

nb::object loaded(const std::string& file) {
  Image image;
  {
    const nb::gil_scoped_release without_gil;
    image = load_image(file);
  }
  return own_pixels(std::move(image));
}

/** The canonical sampler and schedule behind any tool's name. */
std::pair<std::string, std::string> sampler_name(const std::string& text) {
  const auto parsed = parse_sampler(text);
  return {name(parsed.sampler), name(parsed.schedule)};
}

}  // namespace

nb::object pixels(const Image& image, nb::object owner) {
  return nb::cast(Bytes(image.pixels.data(), {size_t(image.height), size_t(image.width), 3}, owner));
}

nb::object own_pixels(Image image) {
  auto* kept = new Image(std::move(image));
  return pixels(*kept, nb::capsule(kept, [](void* p) noexcept { delete static_cast<Image*>(p); }));
}

Image image_from(nb::object array) {
  nb::ndarray<const uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu> view;
  if (!nb::try_cast(array, view) || view.shape(2) != 3)
    throw Error(ErrorCode::invalid_request, "[image] expected an array [height, width, 3] of uint8");
  Image image{int(view.shape(1)), int(view.shape(0)), {}, {}};
  image.pixels.assign(view.data(), view.data() + view.size());
  return image;
}

void bind_data(nb::module_& m) {
  m.def("checked_controls", &checked_controls, nb::arg("json"),
        "Controls as a recipe says them; Error if they are wrong");
  m.def("checked_recipe", [](const std::string& json) { return to_json(recipe_from_json(json), -1); }, nb::arg("json"));
  m.def("region_control", &region_control, nb::arg("text"));
  m.def("explain", &explained, nb::arg("recipe"), Without(), "Text, JSON and the recipe");
  m.def("recipe_seen_from", &recipe_seen_from, nb::arg("recipe"), nb::arg("folder"));
  m.def("recipe_in", &recipe_in, nb::arg("file"), Without(), "Recipe, program and notes of a picture file");
  m.def("inspect_model", &inspected, nb::arg("recipe"), Without(), "Text and JSON about the model that a recipe names");
  m.def("inspect_adapter", &adapter_json, nb::arg("file"), Without());
  m.def("presets", &preset_list, "Names and what they are about");
  m.def("preset_json", [](const std::string& preset) { return preset_json(preset); }, nb::arg("name"));
  m.def("sampler_name", &sampler_name, nb::arg("text"));
  m.def("sampler_names", &sampler_names);
  m.def("schedule_names", &schedule_names);
  m.def("save_image", &save_array, nb::arg("array"), nb::arg("file"), nb::arg("text"));
  m.def("load_image", &loaded, nb::arg("file"));
  m.def("load_image_text", [](const std::string& file) { return load_image_text(file); }, nb::arg("file"), Without());
}

}  // namespace corepulse::python
