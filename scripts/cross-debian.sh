# The way debian of scripts/cross-build: Debian sid's Swift in a folder, Debian 13's arm64 libraries in another.
# Sourced. Each step leaves $cache/NAME.done and is not done again; one that was broken off begins anew, with
# the packages it had already fetched.

compiler_suite=sid
library_suite=trixie
library_packages=(libc6-dev libstdc++-14-dev libmodbus-dev libsqlite3-dev zlib1g-dev libmosquitto-dev libgpiod-dev)
sdk_name=meterkeep-arm64

# Prints why this way is not open; nothing when it is.
why_no_debian() {
    [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || { echo "needs Linux on x86-64"; return; }
    [ "$(id -u)" -eq 0 ] || { echo "needs root, for chroot: sudo scripts/cross-build"; return; }
    command -v apt-get >/dev/null || { echo "needs Debian or one of its kind, for debootstrap"; return; }
    step_is_done sdk && return
    local there
    there=$(df --output=avail -k "$(nearest_folder "$cache")" | tail -1)
    [ "$there" -ge $((10 * 1024 * 1024)) ] || { echo "needs 10 GB in $cache, there are $((there / 1048576)); --cache"; return; }
    wget -q --tries=2 --timeout=20 -O /dev/null "$mirror/dists/$compiler_suite/InRelease" ||
        echo "$mirror/dists/$compiler_suite cannot be fetched; is the network up? --mirror names another"
}

nearest_folder() {
    local folder=$1
    until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
    echo "$folder"
}

debian_progress() {
    local step
    for step in toolchain compiler libraries runtime sdk; do
        step_is_done "$step" || { echo "$cache, next step: $step"; return; }
    done
    echo "$cache, all steps done"
}

step_is_done() { [ -e "$cache/$1.done" ]; }

# Runs step_NAME unless it is done; what it prints goes to $cache/NAME.log.
step() {
    local name=$1 what=$2 started=$SECONDS
    if step_is_done "$name"; then return; fi
    say "$name: $what; to be followed in $cache/$name.log"
    # Not in a condition: there 'set -e' would not end the step at its first mistake.
    set +e
    (set -e && "step_$name") >"$cache/$name.log" 2>&1
    local status=$?
    set -e
    if [ "$status" -ne 0 ]; then
        tail -5 "$cache/$name.log" >&2
        ! grep -q 'Release file .* is expired' "$cache/$name.log" || echo "A mirror that stands still needs --snapshot." >&2
        fail "the step $name; see $cache/$name.log. Running scripts/cross-build again goes on from here"
    fi
    touch "$cache/$name.done"
    say "$name: done in $((SECONDS - started)) s"
}

# A base system without its compiler. sid moves from day to day, so what is half there is of no use.
step_toolchain() {
    rm -rf --one-file-system "$cache/toolchain"
    nice -n 10 debootstrap --variant=minbase --arch=amd64 --cache-dir="$cache/packages-amd64" \
        "$compiler_suite" "$cache/toolchain" "$mirror"
}

step_compiler() {
    # Of a run that was broken off.
    in_toolchain dpkg --configure -a
    in_toolchain apt-get "${apt_options[@]}" update
    in_toolchain apt-get install -y --no-install-recommends swiftlang git ca-certificates libc6-dev libstdc++-14-dev
    in_toolchain apt-get clean
    in_toolchain swift --version
}

# Unpacked, not installed: nothing of it runs here but by qemu.
step_libraries() {
    rm -rf --one-file-system "$cache/libraries"
    local package
    nice -n 10 debootstrap --foreign --variant=minbase --arch=arm64 --cache-dir="$cache/packages-arm64" \
        --include="$(IFS=,; echo "${library_packages[*]}")" "$library_suite" "$cache/libraries" "$mirror"
    for package in "$cache"/libraries/var/cache/apt/archives/*.deb; do
        unpack "$package" "$cache/libraries"
    done
    rm -rf "$cache/libraries/var/cache/apt/archives" "$cache/libraries/debootstrap"
}

# The Swift libraries for arm64, of the version of the compiler.
step_runtime() {
    local version runtime=$cache/toolchain/var/tmp/runtime package
    rm -rf "$runtime" "$cache/runtime"
    mkdir -p "$runtime" "$cache/runtime"
    # The same sources; +b1 and the like count rebuilds of one architecture.
    version=$(in_toolchain dpkg-query -W -f '${Version}' swiftlang | sed 's/+b[0-9]*$//')
    in_toolchain dpkg --add-architecture arm64
    in_toolchain apt-get "${apt_options[@]}" update
    chmod 777 "$runtime"
    in_toolchain sh -c "cd /var/tmp/runtime && apt-get download swiftlang:arm64 libswiftlang:arm64"
    for package in "$runtime"/*.deb; do
        [ "$(dpkg-deb -f "$package" Version | sed 's/+b[0-9]*$//')" = "$version" ] ||
            { echo "the compiler is $version, $(basename "$package") is another; wait for the mirror, or remove $cache"; return 1; }
        unpack "$package" "$cache/runtime" ./usr/libexec/swift/lib
    done
    # What belongs to the compiler.
    rm -rf "$runtime" "$cache"/runtime/usr/libexec/swift/lib/{swift/host,*.so*}
}

unpack() {
    local package=$1 folder=$2
    shift 2
    # Where /lib is a link to /usr/lib it stays one.
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$folder" "$@"
}

# Both as a Swift SDK, so that from here on it is the same as the way sdk.
step_sdk() {
    local bundle=$cache/sdks/$sdk_name.artifactbundle resources=root/usr/lib
    rm -rf "$cache/sdks"
    mkdir -p "$bundle/arm64"
    cp -al "$cache/libraries" "$bundle/arm64/root"
    # Where the compiler looks for what it links besides, whatever the paths below say.
    cp -al "$cache"/runtime/usr/libexec/swift/lib/* "$bundle/arm64/root/usr/lib/"
    cat >"$bundle/info.json" <<JSON
{ "schemaVersion": "1.0", "artifacts": { "$sdk_name": {
  "type": "swiftSDK", "version": "1", "variants": [{ "path": "arm64" }] } } }
JSON
    cat >"$bundle/arm64/swift-sdk.json" <<JSON
{ "schemaVersion": "4.0", "targetTriples": { "$triple": {
  "sdkRootPath": "root", "swiftResourcesPath": "$resources/swift",
  "swiftStaticResourcesPath": "$resources/swift_static", "toolsetPaths": ["toolset.json"] } } }
JSON
    cat >"$bundle/arm64/toolset.json" <<JSON
{ "schemaVersion": "1.0", "rootPath": "/usr/libexec/swift/bin", "swiftCompiler": { "extraCLIOptions": ["-use-ld=lld"] } }
JSON
    in_toolchain swift sdk list --swift-sdks-path /meterkeep/sdks | grep -x "$sdk_name"
}

# Runs a command in the compiler's root with the project (read-only) and the cache's folders in /meterkeep. The
# mounts are those of this command alone and end with it.
in_toolchain() {
    mkdir -p "$cache/build" "$cache/sdks" "$cache/toolchain/meterkeep"/{source,build,sdks}
    unshare --mount bash -euc '
        mount --make-rprivate / 2>/dev/null || true
        project=$1 cache=$2
        shift 2
        inside=$cache/toolchain
        mount --bind "$project" "$inside/meterkeep/source"
        mount -o remount,ro,bind "$inside/meterkeep/source"
        mount --bind "$cache/build" "$inside/meterkeep/build"
        mount --bind "$cache/sdks" "$inside/meterkeep/sdks"
        mount -t proc proc "$inside/proc"
        mount --bind /dev "$inside/dev"
        [ ! -s /etc/resolv.conf ] || cp -L /etc/resolv.conf "$inside/etc/resolv.conf"
        exec nice -n 10 chroot "$inside" /usr/bin/env PATH=/usr/libexec/swift/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/meterkeep/build TMPDIR=/tmp LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -c "cd /meterkeep/source && exec \"\$@\"" sh "$@"
    ' in_toolchain "$root" "$cache" "$@"
}

# The packages this machine's Swift has fetched; in the compiler's root the network is not asked for them.
hand_over_checkouts() {
    local resolved
    say "the packages' sources: swift package resolve"
    swift package resolve >/dev/null || fail "swift package resolve"
    resolved=$(sha256sum <Package.resolved)
    [ "$(cat "$cache/build/resolved" 2>/dev/null)" = "$resolved" ] && return
    rm -rf "$cache/build/checkouts" "$cache/build/repositories" "$cache/build/resolved"
    cp -a .build/checkouts .build/repositories .build/workspace-state.json "$cache/build/"
    echo "$resolved" >"$cache/build/resolved"
}

build_with_debian() {
    local flags log=$cache/build.log
    install_packages debootstrap wget
    mkdir -p "$cache"/packages-{amd64,arm64}
    cache=$(cd "$cache" && pwd)
    exec 9>"$cache/lock"
    flock -n 9 || fail "another scripts/cross-build works in $cache"
    step toolchain "Debian $compiler_suite for amd64"
    step compiler "its Swift, 600 MB to fetch"
    step libraries "Debian $library_suite for arm64, with the C libraries"
    step runtime "Swift's libraries for arm64, 530 MB to fetch"
    step sdk "both as a Swift SDK"
    [ "$task" != prepare ] || exit 0
    hand_over_checkouts
    flags=(--swift-sdks-path /meterkeep/sdks --swift-sdk "$sdk_name" --configuration release --static-swift-stdlib
        --scratch-path /meterkeep/build --cache-path /meterkeep/build/cache --force-resolved-versions)
    say "compiling, 15 minutes on two cores the first time; to be followed in $log"
    in_toolchain swift build "${flags[@]}" "${build_flags[@]}" --product "$product" >"$log" 2>&1 ||
        { grep -E 'error:' "$log" | sort -u | head -20 >&2; fail "compiling for arm64; see $log"; }
    finish_program "$cache/build/$triple/release/$product"
}

sysroot_of_debian() { echo "$cache/sdks/$sdk_name.artifactbundle/arm64/root"; }
