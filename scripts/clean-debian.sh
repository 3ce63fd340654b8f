# A clean Debian 12 that boots systemd, with the libraries of the package: made once, in $base. Sourced.

place=$root/.build/package-test
base=$place/base
mkdir -p "$place"
if [ ! -e "$place/base.done" ]; then
    say "a clean Debian 12 (once)"
    rm -rf "$base"
    debootstrap --variant=minbase \
        --include=systemd,systemd-sysv,dbus,udev,init-system-helpers,libmodbus5,libsqlite3-0,zlib1g,libmosquitto1,libstdc++6,tzdata,procps,libgpiod2 \
        bookworm "$base" >"$place/debootstrap.log" 2>&1 || fail "debootstrap: $(tail -3 "$place/debootstrap.log")"
    touch "$place/base.done"
fi

# The simulator, built before, in /opt/simulator of the Debian in folder $1. Its libraries are Swift's own and are no
# part of the package under test.
put_simulator_in() {
    local simulator runtime library
    simulator=$(swift build "${build_flags[@]}" --show-bin-path)/metersim
    runtime=$(dirname "$(ldd "$simulator" | awk '/libswiftCore.so/ { print $3 }')")
    install -D "$simulator" "$1/opt/simulator/metersim"
    cp "$runtime"/lib*.so* "$1/opt/simulator/"
    cp -r etc/profiles "$1/opt/simulator/profiles"
    ldd "$simulator" | awk '/=> \// && !/swift/ { print $3 }' | grep -v -E 'libc\.so|libm\.so|ld-linux' |
        while read -r library; do cp -n "$library" "$1/opt/simulator/"; done
}
