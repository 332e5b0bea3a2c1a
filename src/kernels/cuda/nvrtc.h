#pragma once
// NVIDIA's run-time compiler, from the library that MLX has loaded: nothing of CUDA is linked or included.

#include <string>
#include <vector>

namespace corepulse::kernels {

class Nvrtc {
 public:
  /** @throws Error{not_found} if there is no NVRTC of CUDA 12 or 13. */
  static const Nvrtc& get();
  static bool available();

  /** "13.0" */
  const std::string& version() const { return version_; }

  /** What compiles for an architecture such as "sm_90a". @throws Error{not_found} without CUDA's headers. */
  std::vector<std::string> options(const std::string& architecture) const;

  /** The cubin of a source. @throws Error{internal} with the compiler's log. */
  std::string compile(const std::string& name, const std::string& source,
                      const std::vector<std::string>& options) const;

 private:
  using Program = struct Opaque*;
  struct Running;

  Nvrtc();
  void check(int result, const char* what) const;
  std::string log(Program program) const;

  int (*get_version_)(int*, int*);
  const char* (*error_text_)(int);
  int (*create_)(Program*, const char*, const char*, int, const char* const*, const char* const*);
  int (*destroy_)(Program*);
  int (*compile_)(Program, int, const char* const*);
  int (*log_size_)(Program, size_t*);
  int (*log_)(Program, char*);
  int (*cubin_size_)(Program, size_t*);
  int (*cubin_)(Program, char*);
  std::string version_;
};

}  // namespace corepulse::kernels
