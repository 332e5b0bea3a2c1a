# macOS on Apple Silicon, cross-compiled by zig on Linux: ./run macos. cmake/cross/macos.sh makes the tools and the prefix.
set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(CMAKE_OSX_DEPLOYMENT_TARGET "" CACHE STRING "")  # -target says it
set(CMAKE_OSX_ARCHITECTURES "" CACHE STRING "")
set(CMAKE_OSX_SYSROOT "" CACHE STRING "")  # zig brings headers and stubs
set(CMAKE_USER_MAKE_RULES_OVERRIDE ${CMAKE_CURRENT_LIST_DIR}/macos_rules.cmake)
# zig's libc++ is newer than a Mac's: without its marks of what came when, its headers would ask for the newest names.
set(CMAKE_CXX_FLAGS_INIT "-U_LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS -D_LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS=1")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES COREPULSE_TOOLS COREPULSE_PREFIX COREPULSE_ROOT)

set(CMAKE_C_COMPILER ${COREPULSE_TOOLS}/cc)
set(CMAKE_CXX_COMPILER ${COREPULSE_TOOLS}/c++)
set(CMAKE_AR ${COREPULSE_TOOLS}/ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${COREPULSE_TOOLS}/ranlib CACHE FILEPATH "")
set(CMAKE_INSTALL_NAME_TOOL ${COREPULSE_TOOLS}/install_name_tool CACHE FILEPATH "")

# All libraries come from one prefix, and for the examples from an installed corepulse, COREPULSE_ROOT: nothing of this
# machine may be found. This variable would hide a -DCMAKE_FIND_ROOT_PATH.
set(CMAKE_FIND_ROOT_PATH ${COREPULSE_PREFIX} ${COREPULSE_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(ENV{PKG_CONFIG_LIBDIR} ${COREPULSE_PREFIX}/lib/pkgconfig)
