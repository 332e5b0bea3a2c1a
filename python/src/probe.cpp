// A Python function that looks into the network. Its arrays are mlx.core's own, as in attention.cpp.

#include "corepulse/probe.h"

#include <algorithm>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "corepulse/error.h"
#include "corepulse/picture_measures.h"
#include "corepulse/recipe.h"

#include "attention.h"
#include "bindings.h"

namespace corepulse::python {

namespace {

constexpr std::pair<const char*, ProbePoint> kPoints[] = {{"attention_input", ProbePoint::attention_input},
                                                          {"attention_map", ProbePoint::attention_map},
                                                          {"attention_output", ProbePoint::attention_output},
                                                          {"resnet_output", ProbePoint::resnet_output},
                                                          {"block_output", ProbePoint::block_output},
                                                          {"prediction", ProbePoint::prediction},
                                                          {"guided", ProbePoint::guided}};

std::vector<std::string> point_names() {
  std::vector<std::string> names;
  for (const auto& [name, point] : kPoints) names.emplace_back(name);
  return names;
}

ProbePoint point_named(const std::string& wanted) {
  for (const auto& [name, point] : kPoints)
    if (wanted == name) return point;
  throw Error(ErrorCode::internal, "[probe] no point " + wanted);
}

const char* name_of(ProbePoint wanted) {
  const auto* found = std::find_if(std::begin(kPoints), std::end(kPoints),
                                   [wanted](const auto& named) { return named.second == wanted; });
  return found->first;
}

std::vector<std::pair<int, std::string>> rows_of(const ProbeView& view) {
  constexpr const char* sides[] = {"negative", "prompt", "further"};
  std::vector<std::pair<int, std::string>> rows;
  for (const auto& row : view.rows) rows.emplace_back(row.image, sides[static_cast<int>(row.side)]);
  return rows;
}

mlx::core::array seen_by(const Held& function, const mlx::core::array& x, const ProbeView& view) {
  const nb::gil_scoped_acquire gil;
  const OnEngine engine;
  const nb::object answer = function.get()(x, view);
  mlx::core::array* array = nullptr;
  if (!nb::try_cast(answer, array) || !array)
    throw Error(ErrorCode::invalid_request, "[probe] the function at " + std::string(name_of(view.point)) +
                                                " gave no mlx.core.array; expected one of the shape it was given");
  return *array;
}

/** Where, when and rows are those of a control, given as JSON. */
PythonProbe probe_of(nb::typed<nb::callable, nb::object(...)> function, const std::string& control,
                     const std::string& point, const std::string& attention) {
  const auto place = controls_from_json(control).at(0);
  const auto kind = attention == "cross"  ? AttentionKind::cross
                    : attention == "self" ? AttentionKind::self
                                          : AttentionKind::both;
  const Held held(function);
  auto look = [held](const mlx::core::array& x, const ProbeView& view) { return seen_by(held, x, view); };
  return {probe(point_named(point), place.where, look, kind, place.when, place.rows.value_or(Rows::both))};
}

/** [height, width] of 0..1 */
nb::object mask_of(const std::string& control, int width, int height) {
  const auto region = controls_from_json(control).at(0).region;
  if (!region) throw Error(ErrorCode::internal, "[probe] a control without a region");
  auto* values = new std::vector<double>(region_mask(*region, width, height));
  const nb::capsule owner(values, [](void* p) noexcept { delete static_cast<std::vector<double>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, const double>(values->data(), {size_t(height), size_t(width)}, owner));
}

}  // namespace

void bind_probe(nb::module_& m) {
  nb::class_<ProbeView>(m, "ProbeView", "What is seen, where and when")
      .def_prop_ro("point", [](const ProbeView& view) { return std::string(name_of(view.point)); })
      .def_ro("site", &ProbeView::site)
      .def_ro("block", &ProbeView::block)
      .def_ro("step", &ProbeView::step)
      .def_ro("run", &ProbeView::pass, "2 in a second pass")
      .def_prop_ro("rows", &rows_of, "Image and side (negative, prompt, further) of each row")
      .def_ro("reading", &ProbeView::reading);
  nb::class_<PythonProbe>(m, "Probe");
  m.def("probe_points", &point_names);
  m.def("probe", &probe_of, nb::arg("function"), nb::arg("control"), nb::arg("point"), nb::arg("attention"));
  m.def("region_mask", &mask_of, nb::arg("control"), nb::arg("width"), nb::arg("height"));
}

}  // namespace corepulse::python
