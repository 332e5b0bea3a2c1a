#!/usr/bin/env bash
# Library, program and tests for arm64 Linux, built on Debian and run by qemu. All of it takes some 13 minutes of processor
# time to compile and as much to emulate.
#   cmake/cross/arm64.sh PYTHON [kernels|picture]   an interpreter with pip; the kernels and their tests alone, or the library
#                                                   and the program, which draws a picture and examines itself
set -euo pipefail
python=$1
# shellcheck source=cmake/cross/common.sh
source cmake/cross/common.sh
readonly folder=$PWD/build-arm64
readonly libraries=$folder/libraries/usr/lib/aarch64-linux-gnu
readonly packages="libdnnl-dev libdnnl2 libhwy-dev libhwy1 libfmt-dev libfmt9 zlib1g-dev zlib1g libutf8proc-dev libutf8proc2
  libpng-dev libpng16-16 libjpeg62-turbo-dev libjpeg62-turbo libwebp-dev libwebp7"

# Debian's libraries for arm64, unpacked beside the build. Installed beside this machine's own they would not do: two
# libdnnl-dev exclude each other, and everything shared must have one version.
unpack_libraries() {
  local package stamp=$folder/libraries/stamp
  [[ ! -f $stamp || $(<"$stamp") != "$packages" ]] || return 0
  say "unpacking Debian's libraries for arm64"
  rm -rf "$folder/libraries"
  mkdir -p "$folder/libraries/packages"
  debian deb arm64
  # shellcheck disable=SC2086  # a list
  (cd "$folder/libraries/packages" && "${apt[@]}" download $packages) || unavailable "Debian's packages"  # Linux
  for package in "$folder"/libraries/packages/*.deb; do
    dpkg-deb -x "$package" "$folder/libraries"
  done
  rm -r "$folder/libraries/packages"
  mv "$folder"/libraries/lib/*/* "$libraries"  # /lib is a part of /usr/lib since Debian 12
  ln -sf libz.so.1 "$libraries/libz.so"        # it named /lib
  echo "$packages" >"$stamp"
}

# build FOLDER FLAG... -- TARGET...
build() {
  local into=$folder/$1 flags=()
  shift
  while [[ $1 != -- ]]; do
    flags+=("$1")
    shift
  done
  shift
  # shellcheck disable=SC2086  # flags are several words
  cmake -S . -B "$into" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/toolchains/arm64.cmake" \
    -DPython_EXECUTABLE="$python" -DMLX_SITE="$folder/wheel/mlx" -DCOREPULSE_CUDA=OFF -DCOREPULSE_BENCH=OFF -DCOREPULSE_SERVER=OFF \
    -DCOREPULSE_CPU_KERNELS=ON -DCOREPULSE_PREFIX="$folder/libraries/usr" \
    ${flags[@]+"${flags[@]}"} ${COREPULSE_CMAKE_FLAGS:-}
  cmake --build "$into" --target "$@"
}

# A library for arm64, with kernels for NEON in it.
check() {
  local library=$folder/$1/lib/libcorepulse.so
  aarch64-linux-gnu-readelf -h "$library" | grep AArch64 >/dev/null || stop "not for arm64"
  aarch64-linux-gnu-objdump -d --no-show-raw-insn "$library" | grep -E 'fmla[[:space:]]+v' >/dev/null ||
    stop "no NEON kernel in the library"
}

# emulated PROGRAM ARGUMENT...
emulated() {
  say "qemu: ${1##*/} ${*:2}"
  # In `-cpu max` everything is on that qemu knows, SVE too: what is chosen at run time must be right there.
  qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu -E COREPULSE_THREADS=2 \
    -E "LD_LIBRARY_PATH=$folder/wheel/mlx/lib:$folder/wheel/mlx_cpu.libs:$libraries" "$@"
}

# cases PROGRAM PATTERN: those of its tests that match, at least one.
cases() {
  emulated "$1" "--test-case=$2" --list-test-cases | grep -E 'current filters: [1-9]' || stop "${1##*/}: no test matches '$2'"
  emulated "$1" "--test-case=$2"
}

# The kernels alone, against their formulas: what .ci/run asks.
kernels() {
  build kernels -DCOREPULSE_ONLY="base;io;kernels" -DCOREPULSE_PICTURES=OFF -DCOREPULSE_CLI=OFF -- test_kernels_core
  check kernels
  emulated "$folder/kernels/bin/test_kernels_core"
}

# The program as a user has it. Small, and no step is timed: at the model's own size an emulator needs minutes for one.
picture() {
  local program=$folder/build/bin/corepulse
  build build -- corepulse corepulse_cli
  check build
  emulated "$program" --version | grep neon || stop "the kernels for NEON are off"
  emulated "$program" generate -p "a cat in a park" --steps 2 -W 64 -H 64 --dtype f32 -q --force -o "$folder/cat.png"
  emulated "$program" doctor --dtype f32 --steps 0
}

everything() {
  build build -- corepulse corepulse_cli test_kernels test_control test_sampler test_io test_text test_unet test_pipeline
  local bin=$folder/build/bin name
  for name in kernels control sampler io text; do
    emulated "$bin/test_$name"
  done
  cases "$bin/test_unet" "*Diffusers*"
  cases "$bin/test_pipeline" "guidance rescale follows Diffusers"
  picture
}

need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
need qemu-aarch64 qemu-user
wheel mlx-cpu manylinux_2_35_aarch64 "$folder/wheel"
unpack_libraries
case ${2:-} in
  kernels | picture) "$2" ;;
  "") everything ;;
  *) stop "unknown part '$2'; expected kernels, picture, or nothing for everything" ;;
esac
say "arm64: ${2:-everything} ran under qemu"
