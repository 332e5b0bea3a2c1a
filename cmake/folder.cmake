# One folder of src/ is one part of the library: corepulse_folder(io safetensors.cpp ...).
set(COREPULSE_WARNINGS -Wall -Wextra -Wshadow -Wno-missing-field-initializers)
if(COREPULSE_WERROR)
  list(APPEND COREPULSE_WARNINGS -Werror)
endif()
set(COREPULSE_SANITIZE_FLAGS "")
if(COREPULSE_SANITIZE)
  set(COREPULSE_SANITIZE_FLAGS -fsanitize=${COREPULSE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${COREPULSE_SANITIZE})
endif()

add_library(corepulse_flags INTERFACE)
target_include_directories(corepulse_flags INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_include_directories(corepulse_flags SYSTEM INTERFACE
  ${MLX_SITE}/include ${NLOHMANN_JSON_INCLUDE} ${CLI11_INCLUDE})
target_compile_options(corepulse_flags INTERFACE ${COREPULSE_WARNINGS} ${COREPULSE_SANITIZE_FLAGS})
target_compile_features(corepulse_flags INTERFACE cxx_std_20)
target_link_libraries(corepulse_flags INTERFACE fmt::fmt)

# Most of a source's compile time goes into headers and templates that its neighbours need, too.
function(corepulse_unity target)
  if(COREPULSE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 7)
  endif()
endfunction()

function(corepulse_folder name)
  add_library(corepulse_${name} OBJECT ${ARGN})
  target_link_libraries(corepulse_${name} PRIVATE corepulse_flags)
  # Assertions in MLX's headers name their file: no path of the machine that built the library goes along.
  target_compile_options(corepulse_${name} PRIVATE -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
  corepulse_unity(corepulse_${name})
  target_sources(corepulse PRIVATE $<TARGET_OBJECTS:corepulse_${name}>)
endfunction()

# Outside libraries stay private to the shared library: an application sees include/corepulse and nothing else.
function(corepulse_link_library)
  target_link_libraries(corepulse PRIVATE mlx fmt::fmt ZLIB::ZLIB PkgConfig::utf8proc Threads::Threads ${CMAKE_DL_LIBS})
  if(COREPULSE_PICTURES)
    target_link_libraries(corepulse PRIVATE PNG::PNG JPEG::JPEG PkgConfig::webp)
  endif()
  if(COREPULSE_CPU_KERNELS)
    target_link_libraries(corepulse PRIVATE DNNL::dnnl hwy::hwy OpenMP::OpenMP_CXX)
  endif()
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT COREPULSE_SANITIZE)
    target_link_options(corepulse PRIVATE -Wl,-z,defs)  # whatever an option leaves out is missed here, not at a start
  endif()
  target_include_directories(corepulse PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  set_target_properties(corepulse PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
endfunction()
