# Every outside library, found once. MLX comes from its PyPI wheel, exact version pinned; the rest from the system.
set(COREPULSE_MLX_VERSION 0.32.4)

# The wheel's folder, found without importing MLX (the CUDA wheel's import needs a driver).
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)
if(NOT MLX_SITE)  # cross builds name it
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
      "import importlib.util as u; print(list(u.find_spec('mlx').submodule_search_locations)[0])"
    OUTPUT_VARIABLE MLX_SITE OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE mlx_missing ERROR_QUIET)
endif()
if(mlx_missing)
  message(FATAL_ERROR "MLX ${COREPULSE_MLX_VERSION} is not installed for ${Python_EXECUTABLE}: "
    "run ./run build, or pip install -r requirements.txt and pass -DPython_EXECUTABLE")
endif()
set(MLX_LIBRARY "${MLX_SITE}/lib/libmlx${CMAKE_SHARED_LIBRARY_SUFFIX}")
file(STRINGS "${MLX_SITE}/include/mlx/version.h" mlx_numbers REGEX "#define MLX_VERSION_(MAJOR|MINOR|PATCH)")
string(REGEX REPLACE ".*MAJOR +([0-9]+).*MINOR +([0-9]+).*PATCH +([0-9]+).*" "\\1.\\2.\\3" mlx_found "${mlx_numbers}")
if(NOT mlx_found VERSION_EQUAL COREPULSE_MLX_VERSION)
  message(FATAL_ERROR "MLX ${mlx_found} found in ${MLX_SITE}; ${COREPULSE_MLX_VERSION} is needed (0.x gives no ABI promise)")
endif()
# An own imported target: the CUDA wheel's MLXConfig asks for the CUDA toolkit, which users of the library do not need.
add_library(mlx SHARED IMPORTED)
set_target_properties(mlx PROPERTIES IMPORTED_LOCATION "${MLX_LIBRARY}"
  INTERFACE_INCLUDE_DIRECTORIES "${MLX_SITE}/include")

# The CUDA wheel's library needs cuDNN, cuBLAS and others, which its own search path finds at run time.
file(GLOB mlx_cuda_wheel "${MLX_SITE}/../mlx_cuda_*.dist-info")
if(mlx_cuda_wheel)
  set(cuda_default ON)
else()
  set(cuda_default OFF)  # the headers do not tell: the CPU's wheel has them, too
endif()
option(COREPULSE_CUDA "MLX is built for CUDA" ${cuda_default})
if(COREPULSE_CUDA)
  file(GLOB cuda_wheel_include "${MLX_SITE}/../nvidia/cu1*/include" "${MLX_SITE}/../nvidia/cuda_runtime/include")
  find_path(CUDA_INCLUDE cuda_runtime.h HINTS ${cuda_wheel_include} /usr/local/cuda/include REQUIRED)
  set(corepulse_link_options -Wl,--allow-shlib-undefined)
  add_link_options(${corepulse_link_options})
endif()

find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)
if(COREPULSE_PICTURES)
  find_package(PNG REQUIRED)
  find_package(JPEG REQUIRED)
  pkg_check_modules(webp REQUIRED IMPORTED_TARGET libwebp)
endif()
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
find_package(Threads REQUIRED)
find_path(NLOHMANN_JSON_INCLUDE nlohmann/json.hpp REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)

# For the program alone: sweeps by the processes of mpirun. The library knows nothing of it.
set(MPI_CXX_SKIP_MPICXX TRUE)
if(NOT CMAKE_CROSSCOMPILING)
  find_package(MPI QUIET COMPONENTS CXX)
endif()
option(COREPULSE_MPI "The program's sweeps by Open MPI" ${MPI_CXX_FOUND})

# Own CPU kernels: oneDNN for GEMM and convolution, Highway for SIMD with run-time dispatch. Without them (macOS,
# CUDA builds) the same functions are MLX's own ops.
# oneDNN's own CMake package asks for OpenCL's headers, which only its GPU part needs.
find_path(DNNL_INCLUDE dnnl.hpp)
find_library(DNNL_LIBRARY dnnl)
if(DNNL_INCLUDE AND DNNL_LIBRARY)
  add_library(DNNL::dnnl SHARED IMPORTED)
  set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION "${DNNL_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${DNNL_INCLUDE}")
endif()
find_package(hwy QUIET)
find_package(OpenMP QUIET COMPONENTS CXX)
if(TARGET DNNL::dnnl AND NOT COREPULSE_CUDA AND hwy_FOUND AND OpenMP_CXX_FOUND AND NOT APPLE)
  set(cpu_kernels_default ON)
else()
  set(cpu_kernels_default OFF)
endif()
option(COREPULSE_CPU_KERNELS "Own CPU kernels over oneDNN and Highway" ${cpu_kernels_default})
