#include "kernels/cuda/driver.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/cuda/symbol.h"

namespace corepulse::kernels {

const CudaDriver& CudaDriver::get() {
  static const CudaDriver driver;
  return driver;
}

CudaDriver::CudaDriver() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW);
  const auto load = [&](auto& function, const char* name) {
    if (!find_symbol(library, name, function))
      fail(ErrorCode::internal, "cuda_graph", fmt::format("the driver has no {}; expected CUDA 12 or later", name));
  };
  load(add_dependencies, "cuGraphAddDependencies");
  load(instantiate, "cuGraphInstantiateWithFlags");
  load(launch, "cuGraphLaunch");
  load(destroy, "cuGraphExecDestroy");
  load(copy, "cuMemcpyDtoDAsync_v2");
  load(nodes, "cuGraphGetNodes");
  load(roots, "cuGraphGetRootNodes");
  load(type, "cuGraphNodeGetType");
  load(child, "cuGraphChildGraphNodeGetGraph");
  load(memset_params, "cuGraphMemsetNodeGetParams");
  load(add_kernel, "cuGraphAddKernelNode_v2");
  load(remove, "cuGraphDestroyNode");
  load(load_module, "cuModuleLoadData");
  load(function_of, "cuModuleGetFunction");
}

void check_cuda(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  fail(result == CUDA_ERROR_OUT_OF_MEMORY ? ErrorCode::out_of_memory : ErrorCode::internal, "cuda_graph",
       fmt::format("{} failed with CUDA's error {}", what, static_cast<int>(result)));
}

}  // namespace corepulse::kernels
