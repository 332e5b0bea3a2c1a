// Sweeps, as one process draws them. Specs and reports cross the border as JSON.

#include "corepulse/sweep.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "corepulse/error.h"

#include "bindings.h"

namespace corepulse::python {

namespace {

using Without = nb::call_guard<nb::gil_scoped_release>;

Sweep sweep_of(const std::string& spec, const std::string& folder) {
  auto sweep = sweep_from_json(spec);
  sweep.folder = folder;
  return sweep;
}

/** "strength=0..1:5" as a file of docs/sweeps.md has it: a whole spec of that axis. */
std::string axis_spec(const std::string& text) {
  return to_json(Sweep{R"({"version": 1})", {parse_sweep_axis(text)}, ""}, -1);
}

/** Labels and recipe of every cell. */
std::vector<std::pair<std::vector<std::string>, std::string>> cell_list(const std::string& spec,
                                                                        const std::string& folder) {
  std::vector<std::pair<std::vector<std::string>, std::string>> list;
  for (const auto& cell : cells(sweep_of(spec, folder))) list.emplace_back(cell.labels, to_json(cell.recipe, -1));
  return list;
}

/** Python's callback: False stops. */
std::function<bool(const SweepProgress&)> callback(nb::object function) {
  if (function.is_none()) return {};
  return [held = Held(std::move(function))](const SweepProgress& at) {
    const nb::gil_scoped_acquire gil;
    return held.get()(at).ptr() != Py_False;
  };
}

/** Cells, drawn now, notes. */
std::tuple<size_t, size_t, std::vector<std::string>> told(const SweepReport& report) {
  return {report.cells, report.drawn, report.notes};
}

using Told = decltype(told({}));

Told run(const std::string& spec, const std::string& folder, const std::string& out, bool resume,
         std::pair<int, int> shard, const std::string& device, nb::object progress, const Stop* stop) {
  const auto sweep = sweep_of(spec, folder);
  SweepOptions options{.folder = out, .resume = resume, .shard = shard.first, .shards = shard.second};
  options.device = device_of(device);
  options.progress = callback(std::move(progress));
  const auto flag = stop ? stop->flag : std::make_shared<std::atomic<bool>>();
  options.stop = flag;
  return interruptible(flag, [&] { return told(run_sweep(sweep, options)); });
}

Told merge(const std::vector<std::string>& folders, const std::string& out) {
  return told(merge_sweeps({folders.begin(), folders.end()}, out));
}

}  // namespace

void bind_sweep(nb::module_& m) {
  nb::class_<SweepProgress>(m, "SweepProgress", "What a sweep's callback gets after every cell")
      .def_ro("cell", &SweepProgress::cell, "Its index")
      .def_ro("done", &SweepProgress::done, "Cells of this call, this one included")
      .def_ro("of", &SweepProgress::of)
      .def_ro("seconds", &SweepProgress::seconds, "Its drawing took")
      .def_ro("label", &SweepProgress::label);
  m.def("axis_spec", &axis_spec, nb::arg("text"));
  m.def("sweep_cells", &cell_list, nb::arg("spec"), nb::arg("folder"), Without());
  m.def("run_sweep", &run, nb::arg("spec"), nb::arg("folder"), nb::arg("out"), nb::arg("resume"), nb::arg("shard"),
        nb::arg("device"), nb::arg("progress").none(), nb::arg("stop").none());
  m.def("merge_sweeps", &merge, nb::arg("folders"), nb::arg("out"), Without());
}

}  // namespace corepulse::python
