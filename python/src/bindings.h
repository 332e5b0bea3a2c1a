#pragma once
// What the binding sources share. They see include/corepulse and nanobind, nothing of src/.

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <nanobind/nanobind.h>
#include <optional>
#include <string>
#include <type_traits>

#include "corepulse/image.h"
#include "corepulse/pipeline.h"

namespace corepulse::python {

namespace nb = nanobind;

using StopFlag = std::shared_ptr<std::atomic<bool>>;

/** Ends what it is given to, from any thread. */
struct Stop {
  StopFlag flag = std::make_shared<std::atomic<bool>>();
};

/** "auto", "cpu", "gpu". @throws Error{invalid_request}. */
LoadOptions::Device device_of(const std::string& name);

/** A Python object that C++ code without the GIL may copy and let go of on any thread. */
class Held {
 public:
  Held() = default;
  explicit Held(nb::object object);
  /** With the GIL held. */
  nb::handle get() const { return object_ ? nb::handle(*object_) : nb::handle(); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  std::shared_ptr<nb::object> object_;
};

/** Says that this thread is the engine's for as long as Python code runs on it. */
class OnEngine {
 public:
  OnEngine();
  ~OnEngine();
  static bool here();
};

/** Whether this process was forked from one that computed. */
bool forked();
/** Before anything that computes. @throws Error{invalid_request} in a process that was forked from one that computed.
 */
void check_process();

/** The last of what waits for the engine when it goes; in a forked process there is none to wait for. */
template <class Owned>
void let_go(std::unique_ptr<Owned>& owned) {
  if (forked()) {
    [[maybe_unused]] const auto* left = owned.release();
    return;
  }
  const nb::gil_scoped_release without_gil;
  owned.reset();
}

/** A run that others may end: at the interpreter's end all of them. */
class Registered {
 public:
  explicit Registered(StopFlag flag);
  ~Registered();
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  StopFlag flag_;
};

/**
 * Work without the GIL, on a thread of its own, while this one hears signals: Ctrl-C sets `stop`, and its exception is
 * thrown when the work has ended. Work that Python code on the engine's thread asks for is done there.
 */
template <class Work>
std::invoke_result_t<Work> interruptible(const StopFlag& stop, Work work) {
  using namespace std::chrono_literals;
  check_process();
  const Registered registered(stop);
  if (OnEngine::here()) {
    const nb::gil_scoped_release without_gil;
    return work();
  }
  auto done = std::async(std::launch::async, std::move(work));
  for (;;) {
    {
      const nb::gil_scoped_release without_gil;
      if (done.wait_for(20ms) == std::future_status::ready) return done.get();
    }
    if (PyErr_CheckSignals() == 0) continue;
    nb::python_error interrupted;  // fetches what the signal's handler raised
    stop->store(true);
    const nb::gil_scoped_release without_gil;
    done.wait();
    throw interrupted;
  }
}

/** Pixels as an array [height, width, 3] of bytes, which keeps `owner`. */
nb::object pixels(const Image& image, nb::object owner);
/** The same of a picture that nobody else has. */
nb::object own_pixels(Image image);
/** From an array [height, width, 3] of bytes. @throws Error{invalid_request}. */
Image image_from(nb::object array);

void bind_errors(nb::module_& m);
void bind_data(nb::module_& m);
void bind_result(nb::module_& m);
void bind_pipeline(nb::module_& m);
void bind_attention(nb::module_& m);
void bind_probe(nb::module_& m);
void bind_sweep(nb::module_& m);

}  // namespace corepulse::python
