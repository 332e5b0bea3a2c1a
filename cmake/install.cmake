# `cmake --install build --prefix X`: a tree that runs without the Python environment it was built in, and may be moved.
#   bin/corepulse                       the program
#   lib/libcorepulse.so                 the library; finds MLX beside itself
#   lib/corepulse/mlx/lib               MLX as its wheel arranges it, with
#   lib/corepulse/mlx_cpu.libs          what the wheel brought along
#   include/corepulse                   the public headers
#   share/corepulse                     the built-in model, CLIP's vocabulary, recipes
#   lib/cmake/corepulse                 find_package(corepulse) -> corepulse::corepulse
include(CMakePackageConfigHelpers)

if(APPLE)
  set(origin "@loader_path")
else()
  set(origin "\$ORIGIN")
endif()
file(RELATIVE_PATH bin_to_lib /x/${CMAKE_INSTALL_BINDIR} /x/${CMAKE_INSTALL_LIBDIR})

set_target_properties(corepulse PROPERTIES INSTALL_RPATH "${origin}/corepulse/mlx/lib")
install(TARGETS corepulse LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(COREPULSE_CLI)
  set_target_properties(corepulse_cli PROPERTIES INSTALL_RPATH "${origin}/${bin_to_lib}")
  install(TARGETS corepulse_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# The wheel's own layout is kept: libmlx.so looks for ../../mlx_cpu.libs.
set(mlx_home ${CMAKE_INSTALL_LIBDIR}/corepulse)
install(DIRECTORY ${MLX_SITE}/lib/ DESTINATION ${mlx_home}/mlx/lib
  FILES_MATCHING PATTERN "libmlx*" PATTERN "*.metallib" PATTERN "libjaccl*")
foreach(libs mlx_cpu.libs mlx_cuda_13.libs mlx_cuda_12.libs)
  if(IS_DIRECTORY ${MLX_SITE}/../${libs})
    install(DIRECTORY ${MLX_SITE}/../${libs}/ DESTINATION ${mlx_home}/${libs})
  endif()
endforeach()

install(DIRECTORY include/corepulse DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
set(data_home ${CMAKE_INSTALL_DATADIR}/corepulse)
install(DIRECTORY models/builtin DESTINATION ${data_home}/models)
foreach(data data/clip recipes)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${data})
    get_filename_component(parent ${data} DIRECTORY)
    install(DIRECTORY ${data} DESTINATION ${data_home}/${parent})
  endif()
endforeach()
install(FILES LICENSE DESTINATION ${data_home})

set(package_home ${CMAKE_INSTALL_LIBDIR}/cmake/corepulse)
configure_package_config_file(cmake/corepulse-config.cmake.in corepulse-config.cmake
  INSTALL_DESTINATION ${package_home} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(corepulse-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/corepulse-config.cmake ${PROJECT_BINARY_DIR}/corepulse-config-version.cmake
  DESTINATION ${package_home})
