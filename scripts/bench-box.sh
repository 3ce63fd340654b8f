# The bench 'box': what the daemon takes of a box with 4 buses of 64 meters. Sourced by scripts/bench.

# The simulated site, its configuration and its meters. The uplink's port is not known yet: @PORT@.
write_box() {
    local run=$1 bus unit profile
    printf 'seed: 7\nbuses:\n' >"$run/world.yaml"
    cat >"$run/gateway.yaml" <<GATEWAY
gateway: BOX-1
data: $run/data
socket: $run/gateway.sock
profiles: $PWD/etc/profiles
time_zone: Asia/Shanghai
clock: assumed
uplink:
  url: https://localhost:@PORT@
  authority: tls/ca.pem
  certificate: tls/BOX-1.pem
  key: tls/BOX-1.key
buses:
GATEWAY
    echo meter,bus,unit,profile,account,customer,price,opening_balance >"$run/meters.csv"
    for bus in 1 2 3 4; do
        cat >>"$run/world.yaml" <<WORLD
  - name: bus$bus
    link: $run/bus$bus
    baud: 9600
    format: 8N1
    turnaround_us: [5000, 15000]
    devices:
WORLD
        echo "  - { id: bus$bus, port: $run/bus$bus, baud: 9600, format: 8N1 }" >>"$run/gateway.yaml"
        for ((unit = 1; unit <= 64; unit++)); do
            profile=eastron-sdm120
            [ $((unit % 5)) -eq 0 ] && profile=acrel-ddsy1352-block
            echo "      - { name: M-$bus-$unit, unit: $unit, profile: $profile, energy_wh: 1000, base_w: 100 }" >>"$run/world.yaml"
            echo "M-$bus-$unit,bus$bus,$unit,$profile,A-$bus-$unit,C-$bus-$unit,0.6,50" >>"$run/meters.csv"
        done
    done
}

# rss_mb_4x64 and dirty_mb_4x64: the stripped executable, uplink up, every meter read, then a minute more.
bench_box() {
    local bin platform_port
    install_packages jq
    need_swift
    for product in meterkeep metersim meterkeep-platform; do build --configuration release --product "$product"; done
    bin=$(swift build "${build_flags[@]}" --configuration release --show-bin-path)
    run=$(mktemp -d /tmp/meterkeep.XXXXXX)
    simulator='' daemon='' platform=''
    trap 'kill $daemon $simulator $platform 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$run"' EXIT
    strip -o "$run/meterkeep" "$bin/meterkeep"
    write_box "$run"
    "$bin/meterkeep-platform" make-certificates "$run/tls" --gateway BOX-1
    "$bin/meterkeep-platform" serve --database "$run/platform.db" --authority "$run/tls/ca.pem" \
        --certificate "$run/tls/platform.pem" --key "$run/tls/platform.key" --port 0 --port-file "$run/port" \
        --socket "$run/platform.sock" >"$run/platform.log" 2>&1 &
    platform=$!
    "$bin/metersim" run --world "$run/world.yaml" --control "$run/sim.sock" >"$run/simulator.log" 2>&1 &
    simulator=$!
    until [ -s "$run/port" ] && grep -q '^ready' "$run/simulator.log"; do
        kill -0 "$platform" && kill -0 "$simulator" || fail "$(tail -3 "$run/platform.log" "$run/simulator.log")"
        sleep 0.1
    done
    platform_port=$(cat "$run/port")
    sed -i "s/@PORT@/$platform_port/" "$run/gateway.yaml"
    "$run/meterkeep" daemon --config "$run/gateway.yaml" --log-level warning &
    daemon=$!
    until "$run/meterkeep" import "$run/meters.csv" --socket "$run/gateway.sock" >/dev/null 2>&1; do sleep 0.2; done
    # As after every start but the first: the import is behind it.
    kill "$daemon" && wait "$daemon"
    "$run/meterkeep" daemon --config "$run/gateway.yaml" --log-level warning &
    daemon=$!
    until [ "$("$run/meterkeep" status --json --socket "$run/gateway.sock" 2>/dev/null | jq .answering)" = 256 ]; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon ended"
        sleep 1
    done
    sleep 60
    figure rss_mb_4x64 "$(awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$daemon/status")" MB
    figure rss_peak_mb_4x64 "$(awk '/^VmHWM/ { printf "%.1f", $2 / 1024 }' "/proc/$daemon/status")" MB
    figure dirty_mb_4x64 "$(awk '/^Private_Dirty/ { sum += $2 } END { printf "%.1f", sum / 1024 }' "/proc/$daemon/smaps_rollup")" MB
}
