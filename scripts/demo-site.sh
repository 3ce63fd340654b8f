# The demonstration's site: two buses, twelve meters, one relay board. Sourced by scripts/demo.

# Energy runs 400 times as fast as the clock, and A-101 has little money: its story is over in a minute.
write_site() {
    local run=$1
    # What the circuits can draw in the world's own time: 60 A at 230 V, 400 times as fast. Without it the
    # counters would run faster than the daemon believes.
    local rated=$((13800 * 400))
    {
        cat <<WORLD
seed: 42
energy_speed: 400
buses:
  - name: bus1
    link: $run/bus1
    baud: 19200
    format: 8N1
    turnaround_us: [3000, 6000]
    devices:
WORLD
        for n in 1 2 3 4 5 6; do
            echo "      - { name: M-10$n, unit: $n, profile: acrel-ddsy1352-block, energy_wh: ${n}00000, base_w: $((150 + 40 * n)) }"
        done
        cat <<WORLD
  - name: bus2
    link: $run/bus2
    baud: 19200
    format: 8E1
    turnaround_us: [3000, 6000]
    devices:
WORLD
        for n in 1 2 3 4; do
            echo "      - { name: M-20$n, unit: $n, profile: eastron-sdm120, energy_wh: ${n}50000, base_w: $((100 + 60 * n)), appliances: [refrigerator] }"
        done
        echo "      - { name: M-205, unit: 5, profile: eastron-sdm630, energy_wh: 2500000, base_w: 900 }"
        echo "      - { name: M-206, unit: 6, profile: acrel-ddsy1352, energy_wh: 600000, base_w: 220 }"
        echo "      - { name: R-1, unit: 100, profile: waveshare-relay-8, feeds: { 1: M-201, 2: M-202, 3: M-203, 4: M-204, 5: M-205, 6: M-206 } }"
    } >"$run/world.yaml"

    cat >"$run/gateway.yaml" <<GATEWAY
gateway: DEMO-1
data: $run/data
socket: $run/gateway.sock
profiles: $PWD/etc/profiles
time_zone: Asia/Shanghai
clock: assumed
buses:
  - { id: bus1, port: $run/bus1, baud: 19200, format: 8N1 }
  - { id: bus2, port: $run/bus2, baud: 19200, format: 8E1 }
poll: { fast_ms: 500, normal_ms: 1000, slow_ms: 30000, stale_seconds: 20 }
telemetry: { interval_seconds: 2, commit_seconds: 2 }
uplink:
  url: https://localhost:@PORT@
  authority: tls/ca.pem
  certificate: tls/DEMO-1.pem
  key: tls/DEMO-1.key
GATEWAY

    {
        echo "meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,hoarding_cap,opening_balance,rated_watts,breaker_bus,breaker_unit,breaker_point"
        # 190 W × 400 at 1.50 are about 0.032 a second.
        echo "M-101,bus1,1,acrel-ddsy1352-block,A-101,C-101,1.5000,0.60,0.30,500,0.90,$rated,,,"
        for n in 2 3 4 5 6; do
            echo "M-10$n,bus1,$n,acrel-ddsy1352-block,A-10$n,C-10$n,0.6180,10,5,500,$((20 * n)),$rated,,,"
        done
        # Behind the relay board, and running down too.
        echo "M-201,bus2,1,eastron-sdm120,A-201,C-201,1.2500,0.70,0.35,500,1.20,$rated,bus2,100,1"
        for n in 2 3 4; do
            echo "M-20$n,bus2,$n,eastron-sdm120,A-20$n,C-20$n,0.6180,10,5,500,$((30 * n)),$rated,bus2,100,$n"
        done
        echo "M-205,bus2,5,eastron-sdm630,A-205,C-205,0.6180,10,5,500,200,$rated,bus2,100,5"
        echo "M-206,bus2,6,acrel-ddsy1352,A-206,C-206,0.6180,10,5,500,60,$rated,bus2,100,6"
        echo "R-1,bus2,100,waveshare-relay-8,,,,,,,,,,,"
    } >"$run/meters.csv"
}
