// Sweeps, as one process draws them, and the coordinator and workers of many. Specs and reports cross the border as
// JSON.

#include "corepulse/sweep.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "corepulse/error.h"
#include "corepulse/sweep_workers.h"

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
std::function<bool(const SweepProgress&)> sweep_callback(nb::object function) {
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
         std::pair<int, int> shard, int together, const std::string& device, nb::object progress, const Stop* stop) {
  const auto sweep = sweep_of(spec, folder);
  SweepOptions options{.folder = out, .resume = resume, .shard = shard.first, .shards = shard.second};
  options.together = together;
  options.device = device_of(device);
  options.progress = sweep_callback(std::move(progress));
  const auto flag = stop ? stop->flag : std::make_shared<std::atomic<bool>>();
  options.stop = flag;
  return interruptible(flag, [&] { return told(run_sweep(sweep, options)); });
}

Told merge(const std::vector<std::string>& folders, const std::string& out) {
  return told(merge_sweeps({folders.begin(), folders.end()}, out));
}

nb::bytes bytes_of(const std::string& text) {
  return nb::bytes(text.data(), text.size());
}

std::string_view view_of(const nb::bytes& bytes) {
  return {bytes.c_str(), bytes.size()};
}

class Coordinator {
 public:
  Coordinator(const std::string& spec, const std::string& folder, const std::string& out, bool resume,
              nb::object progress) {
    const auto sweep = sweep_of(spec, folder);
    SweepOptions options{.folder = out, .resume = resume, .device = LoadOptions::Device::cpu};
    options.progress = sweep_callback(std::move(progress));
    const auto flag = std::make_shared<std::atomic<bool>>();
    options.stop = flag;
    coordinator_ = interruptible(flag, [&] { return std::make_unique<SweepCoordinator>(sweep, options); });
  }
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;
  ~Coordinator() { let_go(coordinator_); }
  nb::bytes next(const std::string& worker, size_t most) { return bytes_of(coordinator_->next(worker, most)); }
  void take(const std::string& worker, const nb::bytes& drawn) {
    const auto text = view_of(drawn);
    const nb::gil_scoped_release without_gil;
    coordinator_->take(worker, text);
  }
  void lose(const std::string& worker) { coordinator_->lose(worker); }
  size_t left() const { return coordinator_->left(); }
  Told finish() const { return told(coordinator_->finish()); }

 private:
  std::unique_ptr<SweepCoordinator> coordinator_;
};

class Worker {
 public:
  Worker(const std::string& spec, const std::string& folder, const std::string& out, const std::string& device,
         int together) {
    SweepOptions options{.folder = out, .together = together};
    options.device = device_of(device), options.stop = stop_;
    worker_ = std::make_unique<SweepWorker>(sweep_of(spec, folder), options);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { let_go(worker_); }
  size_t at_once() { return worker_->at_once(); }
  nb::typed<nb::list, nb::bytes> draw(const nb::bytes& job) {
    const auto text = view_of(job);
    nb::typed<nb::list, nb::bytes> list;
    for (const auto& drawn : interruptible(stop_, [&] { return worker_->draw(text); })) list.append(bytes_of(drawn));
    return list;
  }

 private:
  StopFlag stop_ = std::make_shared<std::atomic<bool>>();
  std::unique_ptr<SweepWorker> worker_;
};

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
        nb::arg("together"), nb::arg("device"), nb::arg("progress").none(), nb::arg("stop").none());
  m.def("merge_sweeps", &merge, nb::arg("folders"), nb::arg("out"), Without());
  nb::class_<Coordinator>(m, "SweepCoordinator")
      .def(nb::init<const std::string&, const std::string&, const std::string&, bool, nb::object>(), nb::arg("spec"),
           nb::arg("folder"), nb::arg("out"), nb::arg("resume"), nb::arg("progress").none())
      .def("next", &Coordinator::next, nb::arg("worker"), nb::arg("most"))
      .def("take", &Coordinator::take, nb::arg("worker"), nb::arg("drawn"))
      .def("lose", &Coordinator::lose, nb::arg("worker"))
      .def_prop_ro("left", &Coordinator::left)
      .def("finish", &Coordinator::finish, Without());
  nb::class_<Worker>(m, "SweepWorker")
      .def(nb::init<const std::string&, const std::string&, const std::string&, const std::string&, int>(),
           nb::arg("spec"), nb::arg("folder"), nb::arg("out"), nb::arg("device"), nb::arg("together"))
      .def("at_once", &Worker::at_once, Without())
      .def("draw", &Worker::draw, nb::arg("job"));
}

}  // namespace corepulse::python
