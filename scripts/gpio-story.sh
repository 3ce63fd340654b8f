# What the guests of scripts/test-gpio and scripts/test-gpio-service tell their stories with. Sourced by them; 'fails'
# is theirs: it shows what they know, and ends.

expect() { # WHAT GOT WANTED
    if [ "$2" = "$3" ]; then echo "ok      $1"; else fails "$1: '$2', not '$3'"; fi
}
wait_for() { # WHAT COMMAND...
    what=$1
    shift
    tries=0
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || fails "$what, in 120 s"
        sleep 0.2
    done
    echo "ok      $what"
}

# A chip of gpio-sim with a line for each name; '' for one without.
make_chip() { # NAME...
    bank=/sys/kernel/config/gpio-sim/box/bank
    mkdir -p $bank
    echo 16 >$bank/num_lines
    number=0
    for name in "$@"; do
        mkdir $bank/line$number
        [ -z "$name" ] || echo "$name" >$bank/line$number/name
        number=$((number + 1))
    done
    echo 1 >/sys/kernel/config/gpio-sim/box/live
    chip=/sys/devices/platform/$(cat /sys/kernel/config/gpio-sim/box/dev_name)/$(cat $bank/chip_name)
}
value() { cat "$chip/sim_gpio$1/value"; } # LINE
pull() { echo "pull-$2" >"$chip/sim_gpio$1/pull"; } # LINE up|down
