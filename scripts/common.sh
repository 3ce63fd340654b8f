# Shared by the scripts beside it: source it, do not run it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
fail() {
    printf '\033[31mfailed: %s\033[0m\n' "$*" >&2
    exit 1
}

# Debian packages the build and the tests need, beside Swift itself.
packages=(libmodbus-dev libgpiod-dev libsqlite3-dev zlib1g-dev libmosquitto-dev mosquitto mosquitto-clients openssl tinyproxy)

# Installs the packages that are missing, and nothing else. Needs root only when something is missing.
install_packages() {
    local missing=()
    for package in "${packages[@]}" "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "${missing[*]} not installed; run as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq || fail "apt-get update; is the network up?"
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null ||
        fail "apt-get install ${missing[*]}"
}

# Swift 6.2 or later on the PATH.
need_swift() {
    command -v swift >/dev/null || fail "swift is not on the PATH; install Swift 6.2 or later (swift.org/install/linux)"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -1)
    read -r major minor <<<"${version:-0 0}"
    [ "$major" -gt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -ge 2 ]; } ||
        fail "Swift $major.$minor is too old; Swift 6.2 or later is needed"
}

# A sibling target that is imported but not declared is an error: the layers are in Package.swift.
build_flags=(--explicit-target-dependency-import-check error)

build() {
    say "building: swift build $*"
    swift build "${build_flags[@]}" "$@" || fail "swift build $*"
}
