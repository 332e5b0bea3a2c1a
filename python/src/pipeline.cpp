// A loaded model and its runs. The engine works while the GIL is free; Python's callbacks take it on the engine's
// thread.

#include "corepulse/pipeline.h"

#include <algorithm>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "corepulse/error.h"
#include "corepulse/live_controls.h"

#include "attention.h"
#include "bindings.h"

namespace corepulse::python {

namespace {

/** What a callback sees. The preview is the engine's to draw: only while the callback runs. */
struct Moment {
  Progress at;
  bool over = false;
};

nb::object preview(const Moment& moment, int image) {
  if (moment.over || !moment.at.preview)
    throw Error(ErrorCode::invalid_request, "[preview] its step is over; expected a call from inside the callback");
  if (!OnEngine::here())
    throw Error(ErrorCode::invalid_request, "[preview] another thread asks; expected a call from inside the callback");
  const auto draw = moment.at.preview;
  Image drawn;
  {
    const nb::gil_scoped_release without_gil;
    drawn = draw(image);
  }
  return own_pixels(std::move(drawn));
}

/** Python's callback as the library's: False ends the run. */
ProgressFunction callback(nb::object function) {
  if (function.is_none()) return {};
  return [held = Held(std::move(function))](const Progress& at) {
    const nb::gil_scoped_acquire gil;
    const OnEngine engine;
    const auto moment = std::make_shared<Moment>(Moment{at});
    nb::object answer;
    try {
      answer = held.get()(moment);
    } catch (...) {
      moment->over = true;
      throw;
    }
    moment->over = true, moment->at.preview = {};
    return answer.ptr() != Py_False;
  };
}

/** Copies share the model; the last one lets go of it without the GIL, for that waits for the engine. */
class Model {
 public:
  explicit Model(Pipeline pipeline) : pipeline_(std::make_unique<Pipeline>(std::move(pipeline))) {}
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model() { let_go(pipeline_); }
  const Pipeline& get() const { return *pipeline_; }

 private:
  std::unique_ptr<Pipeline> pipeline_;
};

ComputeType type_of(const std::string& name) {
  constexpr std::pair<const char*, ComputeType> types[] = {{"auto", ComputeType::automatic},
                                                           {"f32", ComputeType::float32},
                                                           {"f16", ComputeType::float16},
                                                           {"bf16", ComputeType::bfloat16},
                                                           {"int8", ComputeType::int8}};
  for (const auto& [known, type] : types)
    if (name == known) return type;
  throw Error(ErrorCode::invalid_request, "[dtype] unknown \"" + name + "\"; expected auto, f32, f16, bf16 or int8");
}

/** The model and its parts are the recipe's fields of these names. */
std::unique_ptr<Model> load(const std::string& recipe, const std::string& dtype, const std::string& device, bool lazy) {
  const auto source = model_source(recipe_from_json(recipe));
  const LoadOptions options{type_of(dtype), device_of(device), lazy};
  auto loaded = interruptible(std::make_shared<std::atomic<bool>>(),
                              [&] { return std::make_unique<Pipeline>(Pipeline::load(source, options)); });
  return std::make_unique<Model>(std::move(*loaded));
}

/** Keeps LiveControls for as long as Python has it. */
struct Live {
  std::shared_ptr<LiveControls> controls = std::make_shared<LiveControls>();
};

using Latents = nb::ndarray<const float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

/** What a call has beside its recipe and what ends it. */
struct Beside {
  Request request;

  Beside(const std::vector<const AttentionReplacement*>& functions, const std::vector<const PythonProbe*>& probes,
         const std::optional<Latents>& latents, bool latents_are_x) {
    for (const auto* replacement : functions) {
      if (!replacement)
        throw Error(ErrorCode::invalid_request, "[attention] None in it; expected what replace_attention makes");
      request.functions.push_back(replacement->function);
    }
    for (const auto* probe : probes) request.probes.push_back(probe ? probe->probe : nullptr);
    request.latents_are_x = latents_are_x;
    if (!latents) return;
    const size_t size = latents->size() / std::max<size_t>(latents->shape(0), 1);
    for (size_t i = 0; i < latents->shape(0); ++i)
      request.latents.emplace_back(latents->data() + i * size, latents->data() + (i + 1) * size);
  }
};

std::unique_ptr<Result> generate(const Model& model, const std::string& recipe, bool decode, nb::object progress,
                                 const Beside& beside, const Live* live, const Stop* stop) {
  auto request = beside.request;
  request.recipe = recipe_from_json(recipe);
  request.decode = decode;
  request.progress = callback(std::move(progress));
  if (live) request.live = live->controls;
  const auto flag = stop ? stop->flag : std::make_shared<std::atomic<bool>>();
  request.stop = flag;
  return interruptible(flag, [&] { return std::make_unique<Result>(model.get().generate(request)); });
}

std::tuple<double, size_t, int> estimate(const Model& model, const std::string& recipe) {
  Request request;
  request.recipe = recipe_from_json(recipe);
  const auto found =
      interruptible(std::make_shared<std::atomic<bool>>(), [&] { return model.get().estimate(request); });
  return {found.seconds, found.bytes, found.model_calls};
}

void bind_run(nb::module_& m) {
  nb::class_<Beside>(m, "Beside", "What a call has beside its recipe; latents [n, 4, h, w]")
      .def(nb::init<const std::vector<const AttentionReplacement*>&, const std::vector<const PythonProbe*>&,
                    const std::optional<Latents>&, bool>(),
           nb::arg("functions"), nb::arg("probes"), nb::arg("latents").none(), nb::arg("latents_are_x"));
  nb::class_<Moment>(m, "Progress", "What a callback gets between two steps")
      .def_prop_ro(
          "step", [](const Moment& moment) { return moment.at.step; }, "Steps done, from 1")
      .def_prop_ro("steps", [](const Moment& moment) { return moment.at.steps; })
      .def_prop_ro(
          "sigma", [](const Moment& moment) { return moment.at.sigma; }, "Noise level of the latents now")
      .def_prop_ro(
          "seconds", [](const Moment& moment) { return moment.at.seconds; }, "Of this step")
      .def_prop_ro(
          "run", [](const Moment& moment) { return moment.at.pass; }, "1, or 2 in a second pass")
      .def_prop_ro("runs", [](const Moment& moment) { return moment.at.passes; })
      .def("preview", &preview, nb::arg("image") = 0, "A rough picture, 8 times smaller; only inside the callback");
  nb::class_<Stop>(m, "Stop", "Ends the run that it is given to, from any thread")
      .def(nb::init<>())
      .def("set", [](const Stop& stop) { stop.flag->store(true); })
      .def("is_set", [](const Stop& stop) { return stop.flag->load(); });
  nb::class_<Live>(m, "LiveControls")
      .def(nb::init<>())
      .def(
          "set", [](const Live& live, const std::string& json) { live.controls->set(controls_from_json(json)); },
          nb::arg("controls"), nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace

LoadOptions::Device device_of(const std::string& name) {
  if (name == "auto") return LoadOptions::Device::automatic;
  if (name == "cpu") return LoadOptions::Device::cpu;
  if (name == "gpu") return LoadOptions::Device::gpu;
  throw Error(ErrorCode::invalid_request, "[device] unknown \"" + name + "\"; expected auto, cpu or gpu");
}

void bind_pipeline(nb::module_& m) {
  bind_run(m);
  nb::class_<Model>(m, "Pipeline")
      .def_static("load", &load, nb::arg("recipe"), nb::arg("dtype"), nb::arg("device"), nb::arg("lazy"))
      .def("generate", &generate, nb::arg("recipe"), nb::arg("decode"), nb::arg("progress").none(), nb::arg("beside"),
           nb::arg("live").none(), nb::arg("stop").none())
      .def("estimate", &estimate, nb::arg("recipe"), "Seconds, bytes, model calls")
      .def_prop_ro("info", [](const Model& model) { return to_json(model.get().info()); });
}

}  // namespace corepulse::python
