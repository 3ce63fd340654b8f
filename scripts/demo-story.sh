# The story that scripts/demo --once plays and checks, step by step. Sourced by scripts/demo.

seen=()
saw() {
    seen+=("$*")
    printf '  \033[32mseen\033[0m %s\n' "$*"
}

# The field of one circuit, as the daemon shows it.
circuit() { keep meters --json | jq -er ".circuits[] | select(.circuit == \"$1\") | .$2"; }
# How many writes the simulator took that left a device's switch open (false) or closed (true).
writes() { grep "\"device\":\"$1\"" "$run/writes.jsonl" 2>/dev/null | grep "\"point\":$2" | grep -c "\"closed\":$3" || true; }
is() { [ "$("${@:2}")" = "$1" ]; }
at_least() { [ "$("${@:2}")" -ge "$1" ]; }

# The chain head that the platform has reached, and the one of the daemon.
daemon_head() { keep status --json | jq -er .chain_head.seq; }
platform_head() { platform gateways | jq -er '.[0].ledger_through'; }
heads_agree() { [ "$(daemon_head)" = "$(platform_head)" ]; }

# The sum of each account's postings in the ledger is what the platform shows, to the micro-unit.
balances_agree() {
    diff <(keep ledger verify --json | jq -S .balances_microunits) \
        <(platform balances | jq -S 'map({(.account): .balance_microunits}) | add') >"$run/balances.diff"
}

play_story() {
    say "the story"
    await "readings of all 12 meters arrive at the platform" 30 at_least 12 meters_at_platform
    saw "readings of 12 meters arrived at the platform"
    await "A-101 reaches alarm 1" 60 is alarm_1 circuit M-101 alarm
    saw "A-101 at alarm 1"
    await "A-101 reaches alarm 2" 60 is alarm_2 circuit M-101 alarm
    saw "A-101 at alarm 2"
    await "A-101 is cut" 90 is cut circuit M-101 alarm
    await "the breaker of M-101 is read back open" 20 is open circuit M-101 breaker
    [ "$(writes M-101 1 false)" -ge 1 ] || fail "no opening write was seen on the bus for M-101"
    saw "A-101 cut at its limit: the write was seen on bus1, the breaker was read back open"
    await "the relay board cuts M-201" 90 is open circuit M-201 breaker
    [ "$(writes R-1 1 false)" -ge 1 ] || fail "no opening write was seen on the bus for point 1 of R-1"
    saw "A-201 cut through point 1 of the relay board on bus2"
    sleep 2
    local used
    used=$(simulate meter M-101 | jq -er .wh_since_cut)
    [ "$used" = 0 ] || fail "M-101 used $used Wh after its cut"
    saw "M-101 used 0 Wh since its cut"

    local started=$SECONDS
    platform recharge DEMO-1 A-101 20 --customer C-101 >/dev/null
    await "the recharge is applied" 10 outcome_is applied
    await "the breaker of M-101 is read back closed" 30 is closed circuit M-101 breaker
    [ "$(writes M-101 1 true)" -ge 1 ] || fail "no closing write was seen on the bus for M-101"
    saw "recharged from the platform and re-closed by read-back within $((SECONDS - started)) s"
    platform recharge DEMO-1 A-101 20 --customer C-999 >/dev/null
    await "a recharge for another customer is refused" 10 outcome_is wrong_customer
    saw "a recharge with another customer's number was refused"

    kill -KILL "$daemon"
    wait "$daemon" 2>/dev/null || true
    saw "the daemon was killed with SIGKILL while it polled"
    start_daemon
    await "all meters answer again" 30 at_least 12 answering
    await "the platform has the whole ledger" 30 heads_agree
    await "platform and ledger agree" 30 balances_agree
    keep ledger verify
    saw "after the restart platform and ledger agree to the micro-unit, $(daemon_head) records, chain sound"
    cutting_once
    kill -TERM "$daemon"
    wait "$daemon" || fail "the daemon did not stop in order"
    daemon=''
    saw "the daemon stopped in order on SIGTERM"
    "${daemon_command[@]}" ledger verify --offline "$run/data" --gateway DEMO-1 >/dev/null
    saw "the stopped daemon's ledger verifies offline"

    say "the whole story happened, $SECONDS s in all"
    printf '  - %s\n' "${seen[@]}"
}

meters_at_platform() { platform meters | jq -er length; }
answering() { keep status --json | jq -er .answering; }
outcome_is() { platform commands | jq -e "any(.[]; .outcome == \"$1\")"; }

# No breaker was ordered twice for one decision.
cutting_once() {
    [ "$(writes M-101 1 false)" -le 2 ] || fail "M-101 was opened $(writes M-101 1 false) times"
    [ "$(writes M-102 1 false)" -eq 0 ] || fail "M-102 had money and was opened"
    saw "nobody with money was cut"
}
