#pragma once
// The driver's functions, from the library that MLX has loaded: nothing of CUDA is linked. Only in a CUDA build.

#include <cstddef>
#include <cuda.h>

namespace corepulse::kernels {

struct CudaDriver {
  CUresult (*add_dependencies)(CUgraph, const CUgraphNode*, const CUgraphNode*, size_t);
  CUresult (*instantiate)(CUgraphExec*, CUgraph, unsigned long long);
  CUresult (*launch)(CUgraphExec, CUstream);
  CUresult (*destroy)(CUgraphExec);
  CUresult (*copy)(CUdeviceptr, CUdeviceptr, size_t, CUstream);
  CUresult (*nodes)(CUgraph, CUgraphNode*, size_t*);
  CUresult (*roots)(CUgraph, CUgraphNode*, size_t*);
  CUresult (*type)(CUgraphNode, CUgraphNodeType*);
  CUresult (*child)(CUgraphNode, CUgraph*);
  CUresult (*memset_params)(CUgraphNode, CUDA_MEMSET_NODE_PARAMS*);
  CUresult (*add_kernel)(CUgraphNode*, CUgraph, const CUgraphNode*, size_t, const CUDA_KERNEL_NODE_PARAMS*);
  CUresult (*remove)(CUgraphNode);
  CUresult (*load_module)(CUmodule*, const void*);
  CUresult (*function_of)(CUfunction*, CUmodule, const char*);

  /** @throws Error{internal} if there is no driver, or it lacks one of these. */
  static const CudaDriver& get();

 private:
  CudaDriver();
};

/** @throws Error{out_of_memory or internal} unless the driver succeeded at `what`. */
void check_cuda(CUresult result, const char* what);

}  // namespace corepulse::kernels
