# Debian's kernel with gpio-sim, built from its own sources, in $place/RELEASE. Sourced; sets $kernel and $release.

say "kernel, headers and modules"
release=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-\(.*\)/\1/p' | head -1)
[ -n "$release" ] || fail "apt knows no linux-image-amd64; run on Debian 12, after apt-get update"
kernel=$place/$release
if [ ! -f "$kernel/modules/gpio-sim.ko" ]; then
    rm -rf "$kernel"
    mkdir -p "$kernel/root" "$kernel/modules" "$kernel/source"
    headers=${release%-amd64}
    (cd "$kernel" && apt-get download -qq "linux-image-$release" "linux-headers-$release" \
        "linux-headers-$headers-common" linux-kbuild-6.1 2>/dev/null) || fail "apt-get download linux-image-$release"
    for package in "$kernel"/*.deb; do dpkg-deb -x "$package" "$kernel/root" && rm "$package"; done
    tar xJf /usr/src/linux-source-6.1.tar.xz -C "$kernel/source" --strip-components=1 \
        linux-source-6.1/drivers/gpio linux-source-6.1/kernel/irq
    cp "$kernel"/source/drivers/gpio/{gpio-sim.c,gpiolib.h} "$kernel/source/kernel/irq/irq_sim.c" "$kernel/modules"
    # As a module of its own irq_sim needs a licence, and an entry to the interrupts that modules may call.
    sed -i 's|handle_simple_irq(irq_to_desc(irqnum))|generic_handle_irq(irqnum)|' "$kernel/modules/irq_sim.c"
    printf '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n' >>"$kernel/modules/irq_sim.c"
    echo 'obj-m := irq_sim.o gpio-sim.o' >"$kernel/modules/Makefile"
    build_tree=$kernel/root/usr/src/linux-headers-$release
    sed -i "s|/usr/src/|$kernel/root/usr/src/|g" "$build_tree/Makefile"
    make -s -C "$build_tree" M="$kernel/modules" modules >"$kernel/make.log" 2>&1 ||
        fail "the modules of the kernel; see $kernel/make.log"
fi
