#include "kernels/cuda/nvrtc.h"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/cuda/symbol.h"

namespace corepulse::kernels {
namespace {

namespace fs = std::filesystem;

void* library() {
  static void* const found = [] {
    // What is loaded first: another version may lie in the system's folders.
    for (const int flags : {RTLD_NOW | RTLD_NOLOAD, RTLD_NOW})
      for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"})
        if (void* one = dlopen(name, flags)) return one;
    return static_cast<void*>(nullptr);
  }();
  return found;
}

/** CUDA's headers, which are looked for where MLX finds them: beside NVRTC in its wheels' layouts, then by name. */
fs::path headers(const void* function) {
  std::vector<fs::path> places;
  Dl_info info{};
  if (dladdr(function, &info) && info.dli_fname) {
    const auto above = fs::path(info.dli_fname).parent_path().parent_path();
    places = {above / "include", above.parent_path() / "cuda_runtime" / "include"};
  }
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* home = std::getenv(variable)) places.push_back(fs::path(home) / "include");
  places.push_back("/usr/local/cuda/include");
  std::error_code ignored;
  for (const auto& place : places)
    if (fs::exists(place / "cuda_fp16.h", ignored)) return place;
  fail(ErrorCode::not_found, "nvrtc",
       "there is no cuda_fp16.h; expected CUDA's headers beside libnvrtc; install them, or set CUDA_HOME");
}

}  // namespace

struct Nvrtc::Running {
  const Nvrtc& nvrtc;
  Program program = nullptr;
  ~Running() { nvrtc.destroy_(&program); }
};

bool Nvrtc::available() {
  return library() != nullptr;
}

const Nvrtc& Nvrtc::get() {
  static const Nvrtc nvrtc;
  return nvrtc;
}

Nvrtc::Nvrtc() {
  const auto load = [&](auto& function, const char* name) {
    if (!find_symbol(library(), name, function))
      fail(ErrorCode::not_found, "nvrtc", fmt::format("there is no {}; expected libnvrtc of CUDA 12 or 13", name));
  };
  load(get_version_, "nvrtcVersion");
  load(error_text_, "nvrtcGetErrorString");
  load(create_, "nvrtcCreateProgram");
  load(destroy_, "nvrtcDestroyProgram");
  load(compile_, "nvrtcCompileProgram");
  load(log_size_, "nvrtcGetProgramLogSize");
  load(log_, "nvrtcGetProgramLog");
  load(cubin_size_, "nvrtcGetCUBINSize");
  load(cubin_, "nvrtcGetCUBIN");
  int major = 0, minor = 0;
  check(get_version_(&major, &minor), "asking its version");
  version_ = fmt::format("{}.{}", major, minor);
}

void Nvrtc::check(int result, const char* what) const {
  if (result != 0) fail(ErrorCode::internal, "nvrtc", fmt::format("{} failed: {}", what, error_text_(result)));
}

std::vector<std::string> Nvrtc::options(const std::string& architecture) const {
  // Generic lambdas count as the host's functions without the first.
  return {"--device-as-default-execution-space", "--std=c++17", "--gpu-architecture=" + architecture,
          "--include-path=" + headers(reinterpret_cast<const void*>(create_)).string()};
}

std::string Nvrtc::log(Program program) const {
  size_t size = 0;
  check(log_size_(program, &size), "reading a log");
  std::string text(size, '\0');
  if (size > 0) check(log_(program, text.data()), "reading a log");
  return text.substr(0, text.find('\0'));
}

std::string Nvrtc::compile(const std::string& name, const std::string& source,
                           const std::vector<std::string>& options) const {
  Running running{*this};
  check(create_(&running.program, source.c_str(), (name + ".cu").c_str(), 0, nullptr, nullptr), "making a program");
  std::vector<const char*> arguments;
  for (const auto& option : options) arguments.push_back(option.c_str());
  const int result = compile_(running.program, static_cast<int>(arguments.size()), arguments.data());
  if (result != 0)
    fail(ErrorCode::internal, "nvrtc",
         fmt::format("{} does not compile ({}):\n{}", name, error_text_(result), log(running.program)));
  size_t size = 0;
  check(cubin_size_(running.program, &size), "asking a cubin's size");
  std::string cubin(size, '\0');
  check(cubin_(running.program, cubin.data()), "reading a cubin");
  return cubin;
}

}  // namespace corepulse::kernels
