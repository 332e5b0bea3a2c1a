# `cmake --install build --prefix X`: a tree that runs without the Python environment it was built in, and may be moved.
#   bin/corepulse                       the program
#   lib/libcorepulse.so                 the library; finds MLX beside itself. On macOS libcorepulse.dylib, install name
#                                       @rpath/libcorepulse.0.dylib: who links it needs the folder in its own rpath
#   lib/corepulse/mlx/{lib,include}     MLX as its wheel arranges it, with
#   lib/corepulse/mlx_cpu.libs          what the wheel brought along
#   include/corepulse                   the public headers
#   share/{man,bash-completion,zsh,fish}  what `corepulse man` and `corepulse completion` print
#   share/corepulse                     the built-in model, CLIP's vocabulary, recipes
#   lib/cmake/corepulse                 find_package(corepulse) -> corepulse::corepulse, corepulse::mlx
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
  # The program describes itself: name of the file, where it goes, how it is asked for.
  function(install_text file destination)
    list(JOIN ARGN "\" \"" arguments)
    install(CODE "execute_process(COMMAND \"$<TARGET_FILE:corepulse_cli>\" \"${arguments}\"
      OUTPUT_FILE \"${PROJECT_BINARY_DIR}/${file}\" COMMAND_ERROR_IS_FATAL ANY)")
    install(FILES ${PROJECT_BINARY_DIR}/${file} DESTINATION ${destination})
  endfunction()
  if(NOT CMAKE_CROSSCOMPILING)  # a program of another system cannot describe itself here
    install_text(corepulse.1 ${CMAKE_INSTALL_MANDIR}/man1 man)
    install_text(corepulse ${CMAKE_INSTALL_DATADIR}/bash-completion/completions completion bash)
    install_text(_corepulse ${CMAKE_INSTALL_DATADIR}/zsh/site-functions completion zsh)
    install_text(corepulse.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d completion fish)
  endif()
endif()

# The wheel's own layout is kept: libmlx.so looks for ../../mlx_cpu.libs, and libmlx.dylib for mlx.metallib in its own
# folder, without which there is no GPU. Nothing loads the wheel's libjaccl.dylib.
set(mlx_home ${CMAKE_INSTALL_LIBDIR}/corepulse)
install(DIRECTORY ${MLX_SITE}/lib/ DESTINATION ${mlx_home}/mlx/lib
  FILES_MATCHING PATTERN "libmlx*" PATTERN "*.metallib" PATTERN "cmake" EXCLUDE)
# For corepulse/attention_function.h and probe.h; 2.5 MB, a tenth of the library.
install(DIRECTORY ${MLX_SITE}/include DESTINATION ${mlx_home}/mlx)
file(GLOB mlx_licence ${MLX_SITE}/../mlx-${COREPULSE_MLX_VERSION}.dist-info/licenses/LICENSE)
install(FILES ${mlx_licence} DESTINATION ${mlx_home}/mlx)
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
