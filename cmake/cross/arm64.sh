#!/usr/bin/env bash
# Library, program and tests for arm64 Linux, built on Debian and run by qemu. NOT RUN YET as a whole. Minutes of compiling
# and tens of minutes of emulation: not part of .ci/run.
#   cmake/cross/arm64.sh PYTHON     an interpreter with pip
set -euo pipefail
python=$1
# shellcheck source=cmake/cross/common.sh
source cmake/cross/common.sh
readonly folder=$PWD/build-arm64
readonly libraries="libdnnl-dev libhwy-dev libpng-dev libjpeg-dev libwebp-dev zlib1g-dev libutf8proc-dev libfmt-dev"

# Debian's libraries for arm64 lie beside this machine's own (multiarch).
need_libraries() {
  local package missing=""
  for package in $libraries; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package:arm64" 2>/dev/null) == installed ]] || missing+=" $package:arm64"
  done
  [[ -z $missing ]] || stop "please run: dpkg --add-architecture arm64 && apt-get update && apt-get install$missing"
}

build() {
  cmake -S . -B "$folder/build" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/toolchains/arm64.cmake" \
    -DPython_EXECUTABLE="$python" -DMLX_SITE="$folder/wheel/mlx" -DCOREPULSE_CUDA=OFF -DCOREPULSE_BENCH=OFF \
    -DCOREPULSE_CPU_KERNELS=ON -DDNNL_LIBRARY=/usr/lib/aarch64-linux-gnu/libdnnl.so
  cmake --build "$folder/build" --target corepulse corepulse_cli test_kernels test_control test_sampler test_io test_text \
    test_unet test_pipeline
}

# A library for arm64, with kernels for NEON in it.
check() {
  aarch64-linux-gnu-readelf -h "$folder/build/lib/libcorepulse.so" | grep -q AArch64 || stop "not for arm64"
  aarch64-linux-gnu-objdump -d --no-show-raw-insn "$folder/build/lib/libcorepulse.so" | grep -q -E 'fmla[[:space:]]+v' ||
    stop "no NEON kernel in the library"
}

# emulated PROGRAM ARGUMENT...
emulated() {
  say "qemu: ${1##*/} ${*:2}"
  QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
    LD_LIBRARY_PATH="$folder/wheel/mlx/lib:$folder/wheel/mlx_cpu.libs:/usr/lib/aarch64-linux-gnu" \
    COREPULSE_THREADS=2 qemu-aarch64 -E LD_LIBRARY_PATH -E COREPULSE_THREADS "$@"
}

# cases PROGRAM PATTERN: those of its tests that match, at least one.
cases() {
  emulated "$1" "--test-case=$2" --list-test-cases | grep -E 'current filters: [1-9]' || stop "${1##*/}: no test matches '$2'"
  emulated "$1" "--test-case=$2"
}

run_tests() {
  local bin=$folder/build/bin name
  emulated "$bin/corepulse" --version | grep neon || stop "the kernels for NEON are off"
  for name in kernels control sampler io text; do
    emulated "$bin/test_$name"
  done
  cases "$bin/test_unet" "*Diffusers*"
  cases "$bin/test_pipeline" "20 steps with guidance*"
  emulated "$bin/corepulse" generate -p "a cat in a park" --steps 8 -q -o "$folder/cat.png"
  emulated "$bin/corepulse" doctor --steps 1
}

need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
need qemu-aarch64 qemu-user
wheel mlx-cpu manylinux_2_35_aarch64 "$folder/wheel"
need_libraries
build
check
run_tests
say "arm64: all of it ran under qemu"
