# The way sdk of scripts/cross-build: a Swift SDK that is installed on this machine. Sourced.

triple=aarch64-unknown-linux-gnu
# A header of each C library, and the Debian package it comes from.
c_headers=(
    modbus/modbus.h:libmodbus-dev
    mosquitto.h:libmosquitto-dev
    sqlite3.h:libsqlite3-dev
    zlib.h:zlib1g-dev
)

# The SDK to use: the one that was named, else the first whose name says aarch64 and not musl.
find_sdk() {
    if [ -n "$sdk" ]; then
        echo "$sdk"
    else
        swift sdk list 2>/dev/null | grep -E 'aarch64|arm64' | grep -v -E 'musl|static-linux|android' | head -1
    fi
}

# Where an SDK has its headers and libraries.
sdk_root() {
    swift sdk configure --show-configuration "$1" "$triple" 2>/dev/null | sed -n 's/^sdkRootPath: //p'
}

# Prints why this way is not open; nothing when it is.
why_no_sdk() {
    command -v swift >/dev/null || { echo "swift is not on the PATH"; return; }
    local name folder missing=() pair
    name=$(find_sdk)
    [ -n "$name" ] || {
        echo "no Swift SDK for aarch64 with glibc is installed; 'swift sdk install' adds one of this compiler's version"
        return
    }
    folder=$(sdk_root "$name")
    [ -d "$folder" ] || { echo "the Swift SDK $name does not know $triple"; return; }
    for pair in "${c_headers[@]}"; do
        [ -e "$folder/usr/include/${pair%%:*}" ] || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -eq 0 ] ||
        echo "the Swift SDK $name lacks ${missing[*]} in $folder; unpack these packages for arm64 there (dpkg-deb -x)"
}

build_with_sdk() {
    [ "$task" != prepare ] || exit 0
    local scratch=.build/arm64-scratch name flags
    name=$(find_sdk)
    flags=(--swift-sdk "$name" --configuration release --static-swift-stdlib --scratch-path "$scratch")
    build "${flags[@]}" --product "$product"
    finish_program "$(swift build "${flags[@]}" --show-bin-path)/$product"
}

sysroot_of_sdk() { sdk_root "$(find_sdk)"; }
