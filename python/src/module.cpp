// The extension module corepulse._core: exceptions, processes, threads. All else stands in the other sources.

#include <cstring>
#include <mutex>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>
#include <set>
#include <thread>
#include <unistd.h>

#include "corepulse/error.h"
#include "corepulse/nearest_name.h"
#include "corepulse/pipeline.h"

#include "bindings.h"

namespace corepulse::python {

namespace {

std::atomic<pid_t> computing_process{0};
thread_local int engine_depth = 0;

std::mutex runs_mutex;
std::multiset<StopFlag>& runs() {
  static auto* all = new std::multiset<StopFlag>;  // outlives the interpreter
  return *all;
}

/** What a message holds of files' names may be no UTF-8. */
nb::object text_of(const char* message) {
  return nb::steal(PyUnicode_DecodeUTF8(message, Py_ssize_t(std::strlen(message)), "replace"));
}

void raise(const Error& error) {
  const auto classes = nb::module_::import_("corepulse.errors").attr("by_code");
  const nb::object type = classes[name(error.code())];
  const auto message = text_of(error.what());
  PyErr_SetObject(type.ptr(), message.ptr());
}

std::vector<std::string> error_codes() {
  std::vector<std::string> codes;
  for (int code = 0; code <= int(ErrorCode::internal); ++code) codes.push_back(name(ErrorCode(code)));
  return codes;
}

void stop_all() {
  if (forked()) return;  // the runs, and whoever holds the lock, are of the other process
  for (;;) {
    {
      const std::lock_guard lock(runs_mutex);
      if (runs().empty()) return;
      for (const auto& flag : runs()) flag->store(true);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

Held::Held(nb::object object)
    : object_(new nb::object(std::move(object)), [](nb::object* held) {
        if (!Py_IsInitialized()) return;  // too late for anybody to miss it
        const nb::gil_scoped_acquire gil;
        delete held;
      }) {}

OnEngine::OnEngine() {
  ++engine_depth;
}

OnEngine::~OnEngine() {
  --engine_depth;
}

bool OnEngine::here() {
  return engine_depth > 0;
}

bool forked() {
  const auto owner = computing_process.load();
  return owner != 0 && owner != getpid();
}

void check_process() {
  pid_t nobody = 0;
  computing_process.compare_exchange_strong(nobody, getpid());
  if (forked())
    throw Error(ErrorCode::invalid_request,
                "[process] this process was forked from one that had computed, and has not its engine; expected a "
                "process of its own: multiprocessing.get_context(\"spawn\"), or fork before the first pipeline");
}

Registered::Registered(StopFlag flag) : flag_(std::move(flag)) {
  const std::lock_guard lock(runs_mutex);
  runs().insert(flag_);
}

Registered::~Registered() {
  const std::lock_guard lock(runs_mutex);
  runs().erase(runs().find(flag_));
}

void bind_errors(nb::module_& m) {
  nb::register_exception_translator(
      [](const std::exception_ptr& thrown, void*) {
        try {
          std::rethrow_exception(thrown);
        } catch (const Error& error) {
          raise(error);
        }
      },
      nullptr);
  m.def("error_codes", &error_codes, "Names of all codes of an error");
  m.def("nearest_name", &nearest_name, nb::arg("given"), nb::arg("valid"));
  m.def("version", &version);
  m.def("in_main_interpreter", [] { return PyInterpreterState_Get() == PyInterpreterState_Main(); });
  m.def("stop_all", &stop_all, nb::call_guard<nb::gil_scoped_release>(), "Ends all runs, and waits until they have");
}

}  // namespace corepulse::python

NB_MODULE(_core, m) {
  m.doc() = "What of the library the package corepulse stands on; not for applications.";
  corepulse::python::bind_errors(m);
  corepulse::python::bind_data(m);
  corepulse::python::bind_attention(m);
  corepulse::python::bind_probe(m);
  corepulse::python::bind_result(m);
  corepulse::python::bind_pipeline(m);
  corepulse::python::bind_sweep(m);
}
