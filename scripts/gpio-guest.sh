#!/bin/busybox sh
# The first and only process tree of the machine that scripts/test-gpio boots.
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib64 HOME=/tmp
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts && mount -t devpts none /dev/pts
ip link set lo up

end() {
    echo "$1"
    sync
    reboot -f
}
ask() { [ -S /run/gateway.sock ] && meterkeep "$@" --socket /run/gateway.sock; }
fails() {
    [ ! -e /run/daemon.log ] || tail -20 /run/daemon.log
    ask circuit M-1
    ask circuit M-2
    end "FAILED  $1"
}
. /gpio-story.sh

for module in configfs irq_sim gpio-sim; do insmod /modules/$module.ko || fails "$module.ko"; done
mount -t configfs none /sys/kernel/config
make_chip K1 "" K2-OPEN K2-CLOSE K2-AUX DOOR PFO RESET LED-RUN LED-ALARM

gpio-check lines "$chip" || end "FAILED  gpio-check"

# A program that holds a line is killed: without a store the line falls back, with one it stays.
pull 0 down
gpio-check hold K1 >/run/hold.log &
holder=$!
wait_for "a program holds K1" grep -q active /run/hold.log
expect "K1 is driven" "$(value 0)" 1
kill -9 $holder
wait $holder 2>/dev/null
expect "killed without a descriptor store, the line falls back" "$(value 0)" 0

fd-store /run/notify gpio-check hold K1 >/run/hold.log &
store=$!
wait_for "the same with a store" grep -q keeps /run/hold.log
expect "K1 is driven" "$(value 0)" 1
kill -9 "$(cat /run/notify.pid)"
expect "killed with a descriptor store, the line stays" "$(value 0)" 1
wait_for "the next run takes it over, still active" grep -q "taken over, the line is active" /run/hold.log
expect "K1 is driven" "$(value 0)" 1
kill -9 $store "$(cat /run/notify.pid)"
wait $store 2>/dev/null

[ -x /bin/meterkeep ] || end "guest: all is well (without the daemon)"

# The daemon itself: two circuits, one behind a holding relay, one behind a latching one with its contact.
cat >/run/world.yaml <<WORLD
seed: 1
energy_speed: 2000
buses:
  - name: bus1
    link: /run/bus1
    baud: 19200
    format: 8N1
    turnaround_us: [3000, 6000]
    devices:
      - { name: M-1, unit: 1, profile: eastron-sdm120, energy_wh: 100000, base_w: 300 }
      - { name: M-2, unit: 2, profile: eastron-sdm120, energy_wh: 100000, base_w: 100 }
WORLD
cat >/run/gateway.yaml <<GATEWAY
gateway: BOX-1
data: /run/data
socket: /run/gateway.sock
profiles: /etc/profiles
clock: assumed
buses:
  - { id: bus1, port: /run/bus1, baud: 19200, format: 8N1 }
poll: { fast_ms: 500, normal_ms: 500, slow_ms: 30000, stale_seconds: 20 }
telemetry: { interval_seconds: 2, commit_seconds: 2 }
board:
  relays:
    - { point: 1, line: K1, travel_ms: 20 }
    - { point: 2, open: K2-OPEN, close: K2-CLOSE, pulse_ms: 300, feedback: K2-AUX, travel_ms: 500 }
  inputs:
    door: { line: DOOR }
    power_fail: { line: PFO, active_low: true }
    reset_button: { line: RESET, active_low: true }
  lights:
    run: { line: LED-RUN }
    alarm: { line: LED-ALARM }
GATEWAY
cat >/run/meters.csv <<METERS
meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,hoarding_cap,opening_balance,rated_watts,breaker_bus,breaker_unit,breaker_point
M-1,bus1,1,eastron-sdm120,A-1,C-1,0.0100,0.60,0.30,500,100,10000000,board,,1
M-2,bus1,2,eastron-sdm120,A-2,C-2,0.0100,0.60,0.30,500,100,10000000,board,,2
METERS
# A latching relay: its contact follows the last pulse.
pull 4 up
while true; do
    read -r opens <"$chip/sim_gpio2/value"
    read -r closes <"$chip/sim_gpio3/value"
    [ "$opens" = 1 ] && echo pull-down >"$chip/sim_gpio4/pull"
    [ "$closes" = 1 ] && echo pull-up >"$chip/sim_gpio4/pull"
    usleep 20000
done &
relay=$!
pull 5 down
pull 6 up
pull 7 up
metersim run --world /run/world.yaml --profiles /etc/profiles >/run/metersim.log 2>&1 &
wait_for "the simulated bus is there" test -e /run/bus1
# The relay is pulled closed by hand before the daemon has ever run: it must be taken as it is.
pull 0 up
fd-store /run/notify meterkeep daemon --config /run/gateway.yaml >/run/daemon.log 2>&1 &
store=$!
wait_for "the daemon is ready" grep -q " ready" /run/daemon.log
ask import /run/meters.csv || end "FAILED  import"
is_at() { ask circuit "$1" | grep -q "^breaker   $2 at board/1/$3"; }
wait_for "M-1 behind the holding relay is closed, as it was" is_at M-1 closed 1
wait_for "M-2 behind the latching relay is closed, as it was" is_at M-2 closed 2
expect "nothing was driven for that" "$(value 0)$(value 2)$(value 3)" 100

ask mode forced-off M-1 || end "FAILED  mode"
wait_for "forced off, M-1 is open by read-back" is_at M-1 open 1
expect "K1 is low" "$(value 0)" 0
ask mode forced-off M-2 || end "FAILED  mode"
wait_for "forced off, M-2 is open by its contact" is_at M-2 open 2
expect "no coil is under current" "$(value 2)$(value 3)" 00
ask mode automatic M-1 || end "FAILED  mode"
wait_for "M-1 is closed again" is_at M-1 closed 1
pull 0 down
expect "K1 is driven high against its pull" "$(value 0)" 1

kill -9 "$(cat /run/notify.pid)"
expect "the daemon is killed, the relay stays closed" "$(value 0)" 1
: >/run/daemon.log
wait_for "the next daemon is ready" grep -q ' ready' /run/daemon.log
wait_for "it knows M-1 as closed" is_at M-1 closed 1
wait_for "and M-2 as open" is_at M-2 open 2
expect "the relay stays closed" "$(value 0)" 1

pull 5 up
wait_for "the open door is noticed" grep -q "the door is open" /run/daemon.log
pull 6 down
wait_for "the power that fails is told, and everything written" grep -q "the power fails" /run/daemon.log
pull 6 up
wait_for "and that it is back" grep -q "the power is back" /run/daemon.log
lit() { [ "$(value 8)" = 1 ]; }
wait_for "the run light flashes" lit

pid=$(cat /run/notify.pid)
: >/run/daemon.log
pull 7 down
wait_for "the button, held, starts the daemon anew" grep -q ' ready' /run/daemon.log
pull 7 up
expect "in the same process" "$(cat /run/notify.pid)" "$pid"
expect "with the relay closed all the while" "$(value 0)" 1
wait_for "M-1 is closed" is_at M-1 closed 1

kill $store
wait $store 2>/dev/null
kill $relay
end "guest: all is well"
