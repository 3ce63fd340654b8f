#!/bin/sh
# What scripts/test-gpio-service has its virtual machine do: a service of that machine, as root.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

end() {
    echo "$1"
    systemctl poweroff --force --force
    sleep 60
}
fails() {
    journalctl --no-pager --quiet -n 40 -u meterkeepd -u simulator
    end "FAILED  $1"
}
. /opt/story/gpio-story.sh
property() { systemctl show -P "$1" meterkeepd; }

for module in configfs irq_sim gpio-sim; do
    /opt/story/busybox insmod /opt/story/$module.ko || grep -q configfs /proc/filesystems || fails "$module.ko"
done
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config 2>/dev/null || true
make_chip K1
its_group() { [ "$(stat -c '%G %a' /dev/gpiochip0)" = "meterkeep 660" ]; }
wait_for "udev gives the chip to the daemon's group" its_group

cat >/opt/simulator/world.yaml <<'WORLD'
seed: 1
buses:
  - name: bus1
    link: /run/simulator/bus1
    baud: 19200
    format: 8N1
    turnaround_us: [3000, 6000]
    devices:
      - { name: M-1, unit: 1, profile: eastron-sdm120, energy_wh: 100000, base_w: 300 }
WORLD
systemd-run -q --unit simulator -p User=meterkeep -p RuntimeDirectory=simulator \
    -p Environment=LD_LIBRARY_PATH=/opt/simulator /opt/simulator/metersim run --world /opt/simulator/world.yaml \
    --profiles /opt/simulator/profiles
wait_for "the simulated bus is there" test -e /run/simulator/bus1
configure() { # STALE_SECONDS
    cat >/etc/meterkeep/gateway.yaml <<GATEWAY
gateway: BOX-1
clock: assumed
buses:
  - { id: bus1, port: /run/simulator/bus1, baud: 19200, format: 8N1 }
poll: { fast_ms: 500, normal_ms: 500, slow_ms: 30000, stale_seconds: $1 }
board:
  relays:
    - { point: 1, line: K1, travel_ms: 20 }
GATEWAY
}
configure 30
# A real port is free again when its last user is gone; the simulator is one too, so that its pseudo terminal stays
# taken after a kill (TIOCEXCL, given back by TIOCNXCL).
mkdir -p /etc/systemd/system/meterkeepd.service.d
cat >/etc/systemd/system/meterkeepd.service.d/test.conf <<'UNIT'
[Service]
ExecStopPost=+/usr/bin/perl -e 'open(my $line, "+<", "/run/simulator/bus1") or exit; ioctl($line, 0x540D, 0)'
UNIT
systemctl daemon-reload
# The relay was closed before the daemon has ever run: it must be taken as it is.
pull 0 up
systemctl start meterkeepd || fails "the start"
expect "the unit is active" "$(property ActiveState)" active
printf 'meter,bus,unit,profile,account,customer,price,opening_balance,breaker_bus,breaker_unit,breaker_point\nM-1,bus1,1,eastron-sdm120,A-1,C-1,0.6,100,board,,1\n' >/root/meters.csv
meterkeep import /root/meters.csv || fails "the import"
is_at() { meterkeep circuit M-1 | grep -q "^breaker   $1 at board/1/1"; }
wait_for "the relay is closed, as it was" is_at closed
meterkeep mode forced-off M-1 || fails "mode"
wait_for "forced off, it is open by read-back" is_at open
expect "K1 is low" "$(value 0)" 0
meterkeep mode automatic M-1 || fails "mode"
wait_for "it is closed again" is_at closed
pull 0 down
expect "K1 is driven high against its pull" "$(value 0)" 1
expect "systemd keeps its line" "$(property NFileDescriptorStore)" 1

# Looks at the line as often as it can until told to end; says whether it ever fell.
watch_line() {
    rm -f /run/watch-end
    while [ ! -e /run/watch-end ]; do
        read -r level <"$chip/sim_gpio0/value"
        [ "$level" = 1 ] || { echo fell >/run/watch; return; }
    done
    echo stayed >/run/watch
}
stays_through() { # WHAT COMMAND...
    through=$1
    shift
    watch_line &
    watcher=$!
    before=$(property InvocationID)$(property MainPID)
    "$@" || fails "$through"
    [ "$through" = "a reload" ] || wait_for "$through: another process runs" another_runs "$before"
    wait_for "$through: it knows the relay as closed" is_at closed
    touch /run/watch-end
    wait $watcher
    expect "$through: the relay stayed" "$(cat /run/watch)" stayed
    expect "$through: systemd keeps its line" "$(property NFileDescriptorStore)" 1
}
another_runs() {
    [ "$(property ActiveState)" = active ] && [ "$(property InvocationID)$(property MainPID)" != "$1" ]
}
stays_through "kill -9" systemctl kill --signal=KILL --kill-who=main meterkeepd
stays_through "a restart" systemctl restart meterkeepd
configure 31
stays_through "a reload" systemctl reload meterkeepd

systemctl stop meterkeepd
expect "after a stop systemd has let go" "$(property NFileDescriptorStore)" 0
pull 0 up
systemctl start meterkeepd || fails "the start"
wait_for "a start takes the relay as it is" is_at closed
meterkeep ledger verify || fails "the ledger"
end "story: all is well"
