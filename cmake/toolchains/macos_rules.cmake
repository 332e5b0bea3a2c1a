# CMake knows rpaths on macOS from 10.5 on, and reads the version off the machine it runs on, which is none.
set(CMAKE_SHARED_LIBRARY_RUNTIME_C_FLAG "-Wl,-rpath,")
set(CMAKE_SHARED_LIBRARY_RUNTIME_CXX_FLAG "-Wl,-rpath,")
# zig's linker makes no bundles. A library serves as well: what CMake calls a module is loaded by its path, here by Python.
set(CMAKE_SHARED_MODULE_CREATE_CXX_FLAGS "-dynamiclib -Wl,-headerpad_max_install_names")
