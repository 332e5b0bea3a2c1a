#!/usr/bin/env bash
# Library, program and examples for macOS arm64, built and inspected on Debian, and an archive that a Mac needs no compiler
# for. Its result HAS RUN ON NO MAC.
#   cmake/cross/macos.sh PYTHON              an interpreter with pip
#   cmake/cross/macos.sh PYTHON wheel STUB   the Python package instead, for Python of PYTHON's version, which has nanobind and
#                                            scikit-build-core; without `corepulse serve`
set -euo pipefail
python=$1
# shellcheck source=cmake/cross/common.sh
source cmake/cross/common.sh
readonly target=aarch64-macos.14.0 minimum=14.0 folder=$PWD/build-macos
readonly tools=$folder/tools prefix=$folder/prefix mlx=$folder/wheel/mlx
readonly headers="nlohmann CLI"                                        # of Debian, for any machine
readonly sources="zlib utf8proc fmtlib libpng1.6 libjpeg-turbo libwebp"  # of Debian, built for this one

# The compiler, under the names that CMake expects. A second libc++ inside our library would not know MLX's exceptions, so
# zig's is left out: its names are looked up when the library is loaded, among those of the macOS libc++ that MLX loads.
make_tools() {
  "$folder/zig/bin/python" -m ziglang version >/dev/null 2>&1 || {
    "$python" -m venv "$folder/zig"
    pinned ziglang >"$folder/zig/pinned.txt"
    "$folder/zig/bin/pip" -q install --require-hashes -r "$folder/zig/pinned.txt"
  }
  mkdir -p "$tools"
  local verb
  printf '#!/bin/sh\nexec "%s/zig/bin/python" -m ziglang cc -target %s "$@"\n' "$folder" "$target" >"$tools/cc"
  cat >"$tools/c++" <<END
#!/bin/sh
for argument; do  # this linker reads no lists of names from files, and where it leaves out local names its tables are broken
  shift
  case \$argument in -Wl,@* | -Wl,-x) ;; *) set -- "\$@" "\$argument" ;; esac
done
for argument; do  # -nostdlib++ takes away the headers, too
  [ "\$argument" != -c ] || exec "$folder/zig/bin/python" -m ziglang c++ -target $target "\$@"
done
exec "$folder/zig/bin/python" -m ziglang c++ -target $target -nostdlib++ -Wl,-undefined,dynamic_lookup "\$@"
END
  for verb in ar ranlib; do
    printf '#!/bin/sh\nexec "%s/zig/bin/python" -m ziglang %s "$@"\n' "$folder" "$verb" >"$tools/$verb"
  done
  ln -sf "$(command -v llvm-install-name-tool-19)" "$tools/install_name_tool"
  chmod +x "$tools"/cc "$tools"/c++ "$tools"/ar "$tools"/ranlib
}

# Debian's source packages.
fetch_sources() {
  local package
  debian deb-src arm64
  mkdir -p "$folder/sources"
  for package in $sources; do
    compgen -G "$folder/sources/$package-*/CMakeLists.txt" >/dev/null ||
      (cd "$folder/sources" && "${apt[@]}" source "$package")  # Linux
  done
  # Debian leaves out what is for other systems, and zlib's CMakeLists.txt names one of these files whatever it builds for.
  mkdir -p "$(compgen -G "$folder/sources/zlib-*/")/win32"
  touch "$(compgen -G "$folder/sources/zlib-*/")/win32/zlib1.rc"
}

# cross_cmake SOURCE BUILD FLAG...
cross_cmake() {
  local source=$1 build=$2
  shift 2
  cmake -S "$source" -B "$build" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/toolchains/macos.cmake" \
    -DCOREPULSE_TOOLS="$tools" -DCOREPULSE_PREFIX="$prefix" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" "$@"
  cmake --build "$build"
}

# This zlib and this libpng take any macOS for one of the last century, without fdopen and with <fp.h> for <math.h>.
build_libraries() {
  local package source header
  for package in $sources; do
    [[ ! -f $folder/libraries/$package/installed ]] || continue
    say "building $package"
    source=$(compgen -G "$folder/sources/$package-*/CMakeLists.txt")
    cross_cmake "${source%/*}" "$folder/libraries/$package" -DCMAKE_INSTALL_PREFIX="$prefix" -DBUILD_SHARED_LIBS=OFF \
      -DCMAKE_C_FLAGS="-w -Dfdopen=fdopen -include math.h" -DCMAKE_CXX_FLAGS=-w \
      -DENABLE_SHARED=OFF -DPNG_SHARED=OFF -DPNG_TESTS=OFF -DPNG_ARM_NEON=off -DWITH_SIMD=OFF -DWITH_TURBOJPEG=OFF \
      -DFMT_TEST=OFF -DFMT_DOC=OFF -DUTF8PROC_ENABLE_TESTING=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
      -DWEBP_BUILD_{ANIM_UTILS,CWEBP,DWEBP,GIF2WEBP,IMG2WEBP,VWEBP,WEBPINFO,WEBPMUX,EXTRAS}=OFF
    cmake --install "$folder/libraries/$package"
    rm -f "$prefix"/lib/*.dylib  # zlib makes a shared one, too: it would be linked, and no Mac has it there
    touch "$folder/libraries/$package/installed"
  done
  for header in $headers; do
    cp -Rp "/usr/include/$header" "$prefix/include/"  # with their times, or all would be compiled again
  done
}

# build FLAG...: one folder for both kinds of installation, which differ in names and rpaths alone.
build() {
  cross_cmake . "$folder/build" -DPython_EXECUTABLE="$python" -DMLX_SITE="$mlx" -DCOREPULSE_TESTS=OFF -DCOREPULSE_BENCH=OFF \
    -DCOREPULSE_CPU_KERNELS=OFF -DCOREPULSE_CUDA=OFF -DCOREPULSE_SERVER=OFF "$@"
}

build_corepulse() {
  build -DSKBUILD=OFF -DCOREPULSE_PYTHON=OFF
  rm -rf "$folder/corepulse"
  cmake --install "$folder/build" --prefix "$folder/corepulse"
  cross_cmake examples "$folder/examples" -DCMAKE_PREFIX_PATH="$folder/corepulse" -DCOREPULSE_ROOT="$folder/corepulse"
}

# What a Mac's loader will ask, asked of the files.
check() {
  local file needed missing
  for file in "$folder/corepulse/bin/corepulse" "$folder/corepulse"/lib/libcorepulse.dylib; do
    say "checking ${file#"$folder"/}"
    llvm-objdump-19 --macho --private-headers "$file" >"$folder/headers.txt"
    grep -q "minos $minimum" "$folder/headers.txt" || stop "$file: not for macOS $minimum"
    needed=$(llvm-otool-19 -L "$file" | sed -n 's/^[[:space:]]*\(.*\) (compat.*/\1/p')
    echo "$needed" | grep -v -E '^(@rpath/lib(mlx|corepulse)[.0-9]*dylib|/usr/lib/lib(System\.B|c\+\+\.1|c\+\+abi|objc\.A|z\.1)\.dylib)$' &&
      stop "$file needs a library that a Mac does not have"
    ! grep -A2 LC_RPATH "$folder/headers.txt" | grep "path /" || stop "$file: an absolute rpath"
  done
  grep -q '@loader_path/../lib' "$folder/headers.txt" || llvm-objdump-19 --macho --rpaths "$folder/corepulse/bin/corepulse" |
    grep -q '@loader_path/../lib' || stop "the program does not find its library"
  [[ -s $folder/corepulse/lib/corepulse/mlx/lib/mlx.metallib ]] || stop "no kernels for Metal beside MLX"
  # Every symbol of MLX that we ask for is one that its library gives.
  llvm-nm-19 --undefined-only --format=just-symbols "$folder"/corepulse/lib/libcorepulse.dylib | grep 3mlx | sort -u >"$folder/asked.txt"
  llvm-nm-19 --extern-only --defined-only --format=just-symbols "$mlx/lib/libmlx.dylib" | sort -u >"$folder/given.txt"
  missing=$(comm -23 "$folder/asked.txt" "$folder/given.txt")
  [[ -z $missing ]] || stop "libmlx.dylib lacks: $missing"
  [[ -s $folder/asked.txt ]] || stop "the library asks MLX for nothing"
  # Two that newer libc++ asks for, to see that its headers were told which macOS this is for.
  ! llvm-nm-19 --undefined-only --format=just-symbols "$folder"/corepulse/{bin/corepulse,lib/libcorepulse.dylib} |
    grep -E 'hash_memory|cxa_init_primary_exception' || stop "made for a newer libc++ than that of macOS $minimum"
  # What MLX asks of libc++ is there on macOS 14. Of the rest nobody here can tell.
  llvm-nm-19 --undefined-only --format=just-symbols "$mlx/lib/libmlx.dylib" | sort -u >"$folder/known.txt"
  llvm-nm-19 --undefined-only --format=just-symbols "$folder"/corepulse/lib/libcorepulse.dylib | grep -E 'St3__1|__cxa|^__ZSt' |
    sort -u | comm -23 - "$folder/known.txt" >"$folder/unproven.txt"
  say "of libc++ beyond what MLX needs, to be compared with Apple's: $(wc -l <"$folder/unproven.txt") names in unproven.txt"
}

pack() {
  local name=corepulse-macos-arm64
  rm -rf "${folder:?}/$name"
  cp -R "$folder/corepulse" "$folder/$name"
  cat >"$folder/$name/README.txt" <<'END'
corepulse for macOS 14 and newer on Apple Silicon, cross-compiled on Linux and never run by its makers: please report what
bin/corepulse doctor prints. Files that a browser downloaded are quarantined; in this folder, once:
  xattr -dr com.apple.quarantine .
  codesign --force --sign - lib/*.dylib bin/corepulse
END
  tar -C "$folder" -czf "$folder/$name.tar.gz" "$name"
  say "packed ${folder##*/}/$name.tar.gz: never run on a Mac"
}

# CPython's headers, with what they ask of the system answered for a Mac.
python_headers() {
  local from
  from=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  [[ -f $from/Python.h ]] || stop "$python has no headers; on Debian: apt-get install python3-dev"
  "$python" cmake/cross/check_pyconfig.py cmake/cross/macos_pyconfig.h "$from"
  rm -rf "$folder/python"
  cp -Rp "$from" "$folder/python"
  cp -p cmake/cross/macos_pyconfig.h "$folder/python/pyconfig.h"
}

# The Python package as a wheel into out-wheel/. Its extension shares MLX's arrays if both carry one mark of nanobind.
python_wheel() {
  local number frontend=$folder/mlx
  number=$("$python" -c 'import sys; print(*sys.version_info[:2], sep="")')
  python_headers
  build -DSKBUILD=ON -DCOREPULSE_PYTHON=ON -DPython_INCLUDE_DIR="$folder/python" -DSKBUILD_SOABI="cpython-$number-darwin" \
    -DCOREPULSE_STUB="$1"
  rm -rf "$folder/stage"
  cmake --install "$folder/build" --component python --prefix "$folder/stage" >/dev/null
  "$python" python/wheel/make.py out-wheel --staged "$folder/stage"
  wheel mlx macosx_14_0_arm64 "$frontend"
  "$python" python/wheel/examine.py "$(compgen -G "out-wheel/corepulse-*-cp$number-macosx_14_0_arm64.whl")" \
    --mlx "$(compgen -G "$frontend/mlx/core.*.so")"
}

need llvm-objdump-19 llvm-19
need llvm-install-name-tool-19 llvm-19
need dpkg-source dpkg-dev
make_tools
wheel mlx-metal macosx_14_0_arm64 "$folder/wheel"
fetch_sources
build_libraries
case ${2:-} in
  wheel)
    python_wheel "$3"
    ;;
  "")
    build_corepulse
    check
    pack
    ;;
  *) stop "unknown part '$2'; expected wheel, or nothing" ;;
esac
