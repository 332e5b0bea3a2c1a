# What a wheel holds, all of it in the package's folder. Symbolic links do not travel in wheels: one file, one name.
#   corepulse/*.py, _core.*.so, _core.pyi, py.typed
#   corepulse/bin/corepulse                 the program, which corepulse/_program.py becomes
#   corepulse/lib/libcorepulse.so.0         finds MLX in the folder beside the package
#   corepulse/share/corepulse               the built-in model, CLIP's vocabulary, recipes
if(APPLE)
  set(origin "@loader_path")
else()
  set(origin "\$ORIGIN")
endif()
set(home corepulse)
set_property(TARGET corepulse PROPERTY VERSION)  # else the name with the whole version is the file, and ours a link
set_target_properties(corepulse PROPERTIES INSTALL_RPATH "${origin}/../../mlx/lib")
set_target_properties(corepulse_cli PROPERTIES INSTALL_RPATH "${origin}/../lib;${origin}/../../mlx/lib")
set_target_properties(corepulse_python PROPERTIES INSTALL_RPATH "${origin}/lib;${origin}/../mlx/lib")
install(TARGETS corepulse LIBRARY DESTINATION ${home}/lib COMPONENT python NAMELINK_SKIP)
install(TARGETS corepulse_cli RUNTIME DESTINATION ${home}/bin COMPONENT python)
install(TARGETS corepulse_python LIBRARY DESTINATION ${home} COMPONENT python)
install(DIRECTORY ${PROJECT_BINARY_DIR}/python/corepulse/ DESTINATION ${home} COMPONENT python
  FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi" PATTERN "py.typed" PATTERN "bin" EXCLUDE PATTERN "__pycache__" EXCLUDE)
install(DIRECTORY models/builtin DESTINATION ${home}/share/corepulse/models COMPONENT python PATTERN "training" EXCLUDE)
install(DIRECTORY data/clip DESTINATION ${home}/share/corepulse/data COMPONENT python)
install(DIRECTORY recipes DESTINATION ${home}/share/corepulse COMPONENT python)
