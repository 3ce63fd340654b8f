# The bench 'box': the package that is shipped, and what its program takes of a box with 4 buses of 64 meters.
# Sourced by scripts/bench.

# The unit's exposure, as systemd sees it without its program being there.
exposure() {
    sed -E 's#^(Exec[A-Za-z]+=[-+]*)/usr/bin/.*#\1/bin/true#' systemd/meterkeepd.service >"$1/meterkeepd.service"
    systemd-analyze security --offline=true --no-pager "$1/meterkeepd.service" |
        sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p'
}

# A site of 4 buses with 64 meters each, sent to a platform, in the folder $1.
write_full_box() {
    local bus unit profile
    {
        printf 'seed: 7\nbuses:\n' >&3
        printf 'gateway: DEMO-1\ndata: %s/data\nsocket: %s/gateway.sock\nprofiles: %s/etc/profiles\n' "$1" "$1" "$PWD" >&4
        printf 'clock: assumed\nbuses:\n' >&4
        echo meter,bus,unit,profile,account,customer,price,opening_balance >&5
        for bus in 1 2 3 4; do
            printf '  - name: bus%s\n    link: %s/bus%s\n    baud: 9600\n    format: 8N1\n' "$bus" "$1" "$bus" >&3
            printf '    turnaround_us: [5000, 15000]\n    devices:\n' >&3
            printf '  - { id: bus%s, port: %s/bus%s, baud: 9600, format: 8N1 }\n' "$bus" "$1" "$bus" >&4
            for ((unit = 1; unit <= 64; unit++)); do
                profile=eastron-sdm120
                [ $((unit % 5)) -eq 0 ] && profile=acrel-ddsy1352-block
                echo "      - { name: M-$bus-$unit, unit: $unit, profile: $profile, energy_wh: 1000, base_w: 100 }" >&3
                echo "M-$bus-$unit,bus$bus,$unit,$profile,A-$bus-$unit,C-$bus-$unit,0.6,1000" >&5
            done
        done
        printf 'uplink: { url: "https://localhost:@PORT@", authority: tls/ca.pem, certificate: tls/DEMO-1.pem, key: tls/DEMO-1.key }\n' >&4
    } 3>"$1/world.yaml" 4>"$1/gateway.yaml" 5>"$1/meters.csv"
}

bench_box() {
    install_packages jq systemd dpkg-dev
    need_swift
    local tools package architecture before started
    # What is measured is the shipped program; what it is measured with may be the build of the tests.
    build --product metersim
    build --product meterkeep-platform
    tools=$(swift build "${build_flags[@]}" --show-bin-path)
    run=$(mktemp -d /tmp/meterkeep.XXXXXX)
    simulator='' daemon='' platform=''
    trap 'kill $daemon $simulator $platform 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$run"' EXIT
    figure exposure "$(exposure "$run")" points
    for architecture in amd64 arm64; do
        if [ "$architecture" = arm64 ] && [ ! -x .build/arm64/meterkeep ]; then
            say "no deb_mb_arm64: .build/arm64/meterkeep is not there; scripts/cross-build makes it"
            continue
        fi
        scripts/package-deb "$architecture" --to "$run/$architecture"
        package=$(echo "$run/$architecture"/*.deb)
        figure "deb_mb_$architecture" "$(awk "BEGIN { printf \"%.1f\", $(stat -c %s "$package") / 1048576 }")" MB
    done
    dpkg-deb -x "$run"/amd64/*.deb "$run/installed"
    local meterkeep=$run/installed/usr/bin/meterkeep
    write_full_box "$run"
    "$tools/meterkeep-platform" make-certificates "$run/tls" --gateway DEMO-1
    "$tools/meterkeep-platform" serve --database "$run/platform.db" --authority "$run/tls/ca.pem" \
        --certificate "$run/tls/platform.pem" --key "$run/tls/platform.key" --port 0 --port-file "$run/port" \
        --socket "$run/platform.sock" >"$run/platform.log" 2>&1 &
    platform=$!
    "$tools/metersim" run --world "$run/world.yaml" --control "$run/sim.sock" --request-log "$run/requests" \
        >"$run/simulator.log" 2>&1 &
    simulator=$!
    until [ -s "$run/port" ] && grep -q '^ready' "$run/simulator.log"; do sleep 0.05; done
    sed -i "s/@PORT@/$(cat "$run/port")/" "$run/gateway.yaml"
    start_box() {
        "$meterkeep" daemon --config "$run/gateway.yaml" --log-level warning >>"$run/daemon.log" 2>&1 &
        daemon=$!
    }
    # Meters are installed once; what is measured is a start with them.
    start_box
    until "$meterkeep" import "$run/meters.csv" --socket "$run/gateway.sock" >/dev/null 2>&1; do sleep 0.1; done
    sleep 3
    kill "$daemon" && wait "$daemon"
    before=$(wc -l <"$run/requests")
    # Both are seconds since the machine came up; requests are stamped with the moment of their first byte.
    started=$(cut -d' ' -f1 /proc/uptime)
    start_box
    until [ "$(wc -l <"$run/requests")" -gt "$before" ]; do sleep 0.02; done
    figure start_to_first_poll_s \
        "$(sed -n "$((before + 1))p" "$run/requests" | jq "(.began_ns / 1e9 - $started) * 100 | round / 100")" s
    until [ "$("$meterkeep" status --json --socket "$run/gateway.sock" | jq .answering)" -eq 256 ]; do sleep 1; done
    sleep 60
    figure rss_mb_4x64 "$(awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$daemon/status")" MB
    figure dirty_mb_4x64 "$(awk '/^Private_Dirty/ { sum += $2 } END { printf "%.1f", sum / 1024 }' "/proc/$daemon/smaps_rollup")" MB
    # The clock's watch is a process of the same program beside it.
    "$meterkeep" clock-watch --to "$run/clock" &
    local watch=$!
    sleep 5
    figure clock_watch_dirty_mb "$(awk '/^Private_Dirty/ { sum += $2 } END { printf "%.1f", sum / 1024 }' "/proc/$watch/smaps_rollup")" MB
    kill "$watch"
    if [ -n "${MEMORY_MAP:-}" ]; then cp "/proc/$daemon/smaps" "$MEMORY_MAP"; fi
}
