// What a run leaves: numbers that stay where C++ has them, seen by NumPy without a copy.

#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "corepulse/pipeline.h"

#include "bindings.h"

namespace corepulse::python {

namespace {

using Without = nb::call_guard<nb::gil_scoped_release>;

nb::object floats(const std::vector<float>& values, std::initializer_list<size_t> shape, nb::handle owner) {
  return nb::cast(nb::ndarray<nb::numpy, const float>(values.data(), shape, nb::borrow(owner)));
}

nb::object values(nb::handle self) {
  const auto& map = nb::cast<const HeatMap&>(self);
  return floats(map.values, {size_t(map.height), size_t(map.width)}, self);
}

std::optional<std::tuple<int, int, int, int>> part(const HeatMap& map) {
  if (!map.part) return {};
  return std::tuple(map.part->left, map.part->top, map.part->width, map.part->height);
}

nb::object overlaid(const HeatMap& map, nb::object picture, double opacity) {
  return own_pixels(overlay(map, image_from(std::move(picture)), opacity));
}

nb::typed<nb::list, nb::object> images(nb::handle self) {
  nb::typed<nb::list, nb::object> list;
  for (const auto& image : nb::cast<const Result&>(self).images) list.append(pixels(image, nb::borrow(self)));
  return list;
}

/** [numbers] each: whoever knows the size gives them their shape. */
nb::typed<nb::list, nb::object> latents(nb::handle self) {
  nb::typed<nb::list, nb::object> list;
  for (const auto& numbers : nb::cast<const Result&>(self).latents)
    list.append(floats(numbers, {numbers.size()}, self));
  return list;
}

void bind_observed(nb::module_& m) {
  nb::class_<HeatMap>(m, "HeatMap")
      .def_ro("name", &HeatMap::name)
      .def_ro("image", &HeatMap::image)
      .def_prop_ro("part", &part)
      .def_prop_ro("values", &values)
      .def("overlay", &overlaid, nb::arg("picture"), nb::arg("opacity"))
      .def(
          "save", [](const HeatMap& map, const std::string& file) { save_heat_map(map, file); }, nb::arg("file"),
          Without());
  nb::class_<Recording>(m, "Recording")
      .def_ro("name", &Recording::name)
      .def_ro("image", &Recording::image)
      .def_ro("bytes", &Recording::bytes)
      .def(
          "save", [](const Recording& recording, const std::string& file) { save_recording(recording, file); },
          nb::arg("file"), Without());
  m.def(
      "save_heat_maps", [](const std::vector<HeatMap>& maps, const std::string& file) { save_heat_maps(maps, file); },
      nb::arg("maps"), nb::arg("file"), Without());
  m.def(
      "recording_bytes", [](const std::string& json) { return recording_bytes(recipe_from_json(json)); },
      nb::arg("recipe"), Without());
}

}  // namespace

void bind_result(nb::module_& m) {
  bind_observed(m);
  nb::class_<Result>(m, "Result")
      .def_prop_ro("images", &images)
      .def_prop_ro("latents", &latents)
      .def_ro("heat_maps", &Result::heat_maps)
      .def_ro("recordings", &Result::recordings)
      .def_prop_ro("recipe", [](const Result& result) { return to_json(result.recipe, -1); })
      .def_ro("notes", &Result::notes)
      .def_ro("seconds_text", &Result::seconds_text)
      .def_ro("seconds_steps", &Result::seconds_steps)
      .def_ro("seconds_decode", &Result::seconds_decode)
      .def_ro("model_calls", &Result::model_calls)
      .def(
          "image_text",
          [](const Result& result, int i, const std::string& folder) { return image_text(result, i, folder); },
          nb::arg("image"), nb::arg("folder"));
}

}  // namespace corepulse::python
