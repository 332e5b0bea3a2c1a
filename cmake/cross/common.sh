# shellcheck shell=bash
# What cross builds share; sourced by macos.sh and arm64.sh, which ./run starts in the project's folder.
say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
stop() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
unavailable() { printf '%s: %s cannot be had here\n' "${0##*/}" "$*" >&2; exit 77; }

# need PROGRAM PACKAGE: on Debian.
need() {
  command -v "$1" >/dev/null || stop "$1 is missing; on Debian: apt-get install $2"
}

# debian KIND ARCHITECTURE: makes `apt` ask Debian's mirror for KIND (deb, or deb-src for sources) of Debian 12, signed by its
# keys, with lists of its own in the build folder. This machine's stay as they are, and nobody need be root.
debian() {
  local state=${folder:?}/apt
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  : >"$state/status"  # nothing is installed there
  local signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
  echo "$1 $signed http://deb.debian.org/debian bookworm main" >"$state/sources.list"
  # Sources have their security updates from the next release of Debian 12 on: not every mirror has these.
  [[ $1 != deb ]] ||
    echo "$1 $signed http://deb.debian.org/debian-security bookworm-security main" >>"$state/sources.list"
  apt=(apt-get -qq -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache"
    -o APT::Architecture="$2" -o APT::Architectures="$2" -o APT::Sandbox::User="$(id -un)")
  "${apt[@]}" update || unavailable "Debian's packages"
}

# pinned NAME: the line of wheels.txt, for pip install -r.
pinned() {
  grep "^$1==" cmake/cross/wheels.txt || stop "wheels.txt lacks $1"
}

# wheel NAME PLATFORM FOLDER: unpacks the pinned wheel of another platform, once.
wheel() {
  local line
  line=$(pinned "$1")
  [[ ! -f $3/stamp || $(<"$3/stamp") != "$line $2" ]] || return 0
  say "unpacking ${line%% *} for $2"
  rm -rf "$3"
  mkdir -p "$3"
  echo "$line" >"$3/pinned.txt"
  "${python:?}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --platform "$2" --dest "$3" -r "$3/pinned.txt" || unavailable "$1 for $2"
  "${python:?}" -m zipfile -e "$3"/*.whl "$3"
  rm "$3"/*.whl
  echo "$line $2" >"$3/stamp"
}
