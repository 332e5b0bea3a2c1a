# arm64 Linux, cross-compiled by g++ on Debian or Ubuntu and run by qemu: ./run arm64. cmake/cross/arm64.sh makes
# COREPULSE_PREFIX, where Debian's libraries for arm64 lie.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES COREPULSE_PREFIX)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)  # notes that g++ 8 passed pairs otherwise
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)  # add_test runs programs by it

# Headers without code of their own (nlohmann-json, CLI11, doctest) are this machine's.
set(CMAKE_FIND_ROOT_PATH ${COREPULSE_PREFIX})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_PREFIX_PATH /)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${COREPULSE_PREFIX}/include ${COREPULSE_PREFIX}/include/aarch64-linux-gnu)
get_filename_component(root ${COREPULSE_PREFIX} DIRECTORY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${root})
set(ENV{PKG_CONFIG_LIBDIR} ${COREPULSE_PREFIX}/lib/aarch64-linux-gnu/pkgconfig)
