// A Python function as the attention of a layer. Its arrays are mlx.core's own: both sides use the pinned MLX's
// library, and nanobind's domain "mlx" makes the two modules know one type.

#include "attention.h"

#include <nanobind/stl/string.h>

#include "corepulse/attention_function.h"
#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "bindings.h"

namespace corepulse::python {

namespace {

AttentionKind attention_kind(const std::string& name) {
  if (name == "cross") return AttentionKind::cross;
  if (name == "self") return AttentionKind::self;
  if (name == "both") return AttentionKind::both;
  throw Error(ErrorCode::invalid_request, "[attention] unknown \"" + name + "\"; expected cross, self or both");
}

mlx::core::array called(const Held& function, const mlx::core::array& q, const mlx::core::array& k,
                        const mlx::core::array& v, const AttentionSite& site, const AttentionStep& step) {
  const nb::gil_scoped_acquire gil;
  const OnEngine engine;
  const nb::object answer = function.get()(q, k, v, site, step);
  mlx::core::array* array = nullptr;
  if (!nb::try_cast(answer, array) || !array)
    throw Error(ErrorCode::invalid_request, "[attention] the function for " + site.path +
                                                " gave no mlx.core.array; expected [rows, heads, pixels, "
                                                "width] of the type of q");
  return *array;
}

/** Where, when and rows are those of a control, given as JSON. */
AttentionReplacement replaced(nb::typed<nb::callable, nb::object(...)> function, const std::string& control,
                              const std::string& attention) {
  const auto place = controls_from_json(control).at(0);
  const Held held(function);
  auto call = [held](const mlx::core::array& q, const mlx::core::array& k, const mlx::core::array& v,
                     const AttentionSite& site,
                     const AttentionStep& step) { return called(held, q, k, v, site, step); };
  return {replace_attention(place.where, call, attention_kind(attention), place.when, place.rows.value_or(Rows::both))};
}

}  // namespace

void bind_attention(nb::module_& m) {
  nb::class_<AttentionSite>(m, "AttentionSite", "The layer that is computed")
      .def_ro("path", &AttentionSite::path)
      .def_ro("cross", &AttentionSite::cross)
      .def_ro("heads", &AttentionSite::heads)
      .def_ro("height", &AttentionSite::height)
      .def_ro("width", &AttentionSite::width);
  nb::class_<AttentionStep>(m, "AttentionStep", "The model call that it is computed in")
      .def_ro("index", &AttentionStep::index)
      .def_ro("count", &AttentionStep::count)
      .def_ro("progress", &AttentionStep::progress)
      .def_ro("t", &AttentionStep::t)
      .def_ro("sigma", &AttentionStep::sigma)
      .def_ro("first_evaluation", &AttentionStep::first_evaluation);
  nb::class_<AttentionReplacement>(m, "AttentionReplacement");
  m.def("replace_attention", &replaced, nb::arg("function"), nb::arg("control"), nb::arg("attention"));
}

}  // namespace corepulse::python
