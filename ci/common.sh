# Shared by the scripts beside it, which source it first: what they need, installed where it is missing.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# say WORDS: what is being done, after the minutes and seconds since the command began.
say() { printf '\n== %02d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install PACKAGE...: those that are missing. Elsewhere than on Debian they are the reader's to install.
apt_install() {
    command -v dpkg-query >/dev/null || { say "Not Debian: needs the likes of $*"; return 0; }
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# debian_mirror: the one that this machine's apt uses; nothing elsewhere than on Debian.
debian_mirror() {
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null || true; } |
        sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +([^ ]+debian\/?)( .*)?$/\3/p' | sed -n 1p
}

# private_apt DIRECTORY SOURCE_LINE SETTING...: have apt keep state of its own from here on, apart from the machine's.
private_apt() {
    local directory=$1 setting
    mkdir -p "$directory/"{lists/partial,cache/archives/partial}
    echo "$2" >"$directory/sources.list"
    touch "$directory/status"
    for setting in "Dir::State \"$directory\"" "Dir::State::Lists \"$directory/lists\"" \
        "Dir::State::Status \"$directory/status\"" "Dir::Cache \"$directory/cache\"" \
        "Dir::Etc::SourceList \"$directory/sources.list\"" 'Dir::Etc::SourceParts "/dev/null"' \
        "APT::Sandbox::User \"$(id -un)\"" "${@:3}"; do
        echo "$setting;"
    done >"$directory/apt.conf"
    export APT_CONFIG=$directory/apt.conf
    apt-get update -qq
}

# use_venv DIRECTORY REQUIREMENTS...: make the environment if it is not there, install, and go into it.
use_venv() {
    local venv=$1 python=/usr/bin/python3 requirements=() file
    shift
    for file in "$@"; do requirements+=(-r "ci/requirements-$file.txt"); done
    [ -x "$python" ] || python=python3
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    export PATH="$PWD/$venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
    say "Python packages of ${*/#/ci/requirements-}, into $venv"
    python -m pip install -q "pip>=24" # Debian 12's own knows no -C
    python -m pip install -q "${requirements[@]}"
}

# fast_temporary: files of tests go to memory where there is room. They are synced often, and each sync waits for a disk.
fast_temporary() {
    local memory=/dev/shm
    if [ -n "${TMPDIR:-}" ] || ! [ -w "$memory" ]; then return 0; fi
    [ "$(df --output=avail -k "$memory" | tail -n 1)" -gt 8000000 ] || return 0
    TMPDIR=$(mktemp -d "$memory/caterva-XXXXXX")
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
}

# Meson cannot reconfigure a build whose option choices have changed since: begin anew.
drop_if_options_changed() {
    local directory=$1
    [ ! -f "$directory/build.ninja" ] || cmp -s meson_options.txt "$directory/meson_options.txt" || rm -rf "$directory"
    mkdir -p "$directory"
    cp meson_options.txt "$directory/"
}

# install_caterva DIRECTORY PIP_ARGUMENT...: build in that directory; editable with -e.
install_caterva() {
    local directory=$1
    shift
    drop_if_options_changed "$directory"
    python -m pip install -q --no-build-isolation --no-deps -Cbuild-dir="$directory" "$@" .
}

# c_build DIRECTORY OPTION...: configure the C libraries alone, all warnings being errors, asserts on.
c_build() {
    drop_if_options_changed "$1"
    [ -f "$1/build.ninja" ] || meson setup "$1" -Dpython=disabled -Dstrict=true \
        -Dbuildtype=debugoptimized -Db_ndebug=false "${@:2}" >/dev/null
}

# c_tests DIRECTORY OPTION...: build and test them.
c_tests() {
    say "C tests in $1 ${*:2}: building"
    c_build "$@"
    ninja -C "$1" meson-test-prereq >"$1/compile.log" || { cat "$1/compile.log"; return 1; }
    say "C tests in $1 ${*:2}: running"
    meson test -C "$1" --no-rebuild --print-errorlogs
}

# clang_build DIRECTORY SANITIZERS OPTION...: configure the C libraries, instrumented by clang for fuzzing.
clang_build() {
    CLANG=${CLANG:-clang-16}
    apt_install "${SYSTEM_PACKAGES[@]}" clang-16 libclang-rt-16-dev
    drop_if_options_changed "$1"
    CLANG_FLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=$2,fuzzer-no-link -fno-sanitize-recover=all"
    CLANG_FLAGS+=" -fsanitize-ignorelist=$PWD/ci/integer-ignorelist.txt"
    [ -f "$1/build.ninja" ] || CC=$CLANG meson setup "$1" -Dpython=disabled -Dbuildtype=plain -Db_ndebug=false \
        -Db_lundef=false -Dc_args="$CLANG_FLAGS" -Dc_link_args="$CLANG_FLAGS" "${@:3}" >/dev/null
}

# clang_integer_build: in build/clang, with the checks of integers, for the stage `integer` of ci/sanitize and `ci/fuzz
# --quick`. Kernels of instruction sets take minutes to compile so, and see no number of a file.
clang_integer_build() {
    clang_build build/clang address,undefined,integer,implicit-conversion -Disa=generic
}

# stamp NAME WHAT: note for ci/reliability that a command has passed at this commit.
stamp() {
    mkdir -p build/stamps
    echo "$(git rev-parse HEAD 2>/dev/null || echo unknown) ${*:2}" >"build/stamps/$1"
}

# shellcheck disable=SC2034 # for the scripts that build
SYSTEM_PACKAGES=(
    gcc libc6-dev pkg-config python3-dev python3-venv git ca-certificates
    liblz4-dev libzstd-dev libdeflate-dev zlib1g-dev
)
