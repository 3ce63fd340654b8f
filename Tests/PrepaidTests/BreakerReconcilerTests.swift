import Metering
import Prepaid
import Testing

private func seconds(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

/// A reconciler of a breaker that was last seen closed.
private func reconciler(
    confirmed: BreakerPosition? = .closed, intended: BreakerPosition? = nil, isOpenedElsewhere: Bool = false
) -> BreakerReconciler {
    BreakerReconciler(
        memory: BreakerMemory(intended: intended, confirmed: confirmed, isOpenedElsewhere: isOpenedElsewhere))
}

extension BreakerReconciler {
    /// One round: write if asked, and read back `answer`; returns what was written.
    fileprivate mutating func round(
        want: BreakerWant, at now: MonotonicTime, readBack answer: BreakerPosition?
    ) -> (written: BreakerPosition?, notices: [ReconcileNotice]) {
        var (action, notices) = reconcile(want: want, now: now)
        guard case .write(let position) = action else { return (nil, notices) }
        writeEnded()
        if let answer { notices += observe(answer) }
        return (position, notices)
    }
}

@Suite("A breaker is brought where it is wanted")
struct BreakerReconcilerTests {
    @Test("nothing is written before the position is known, nor where it is right, nor on hold")
    func quiet() {
        var unseen = reconciler(confirmed: nil)
        #expect(unseen.reconcile(want: .open, now: seconds(0)) == (.none, []))
        #expect(unseen.observe(.closed).isEmpty)
        #expect(unseen.reconcile(want: .closed, now: seconds(1)) == (.none, []))
        #expect(unseen.reconcile(want: .hold, now: seconds(2)) == (.none, []))
        #expect(unseen.reconcile(want: .open, now: seconds(3)) == (.write(.open), []))
    }

    @Test("the intention is remembered before the write, and the read-back settles it")
    func readBack() {
        var breaker = reconciler()
        #expect(breaker.reconcile(want: .open, now: seconds(0)).0 == .write(.open))
        #expect(breaker.memory.intended == .open)
        #expect(breaker.memory.confirmed == .closed)
        #expect(breaker.reconcile(want: .open, now: seconds(0)) == (.none, []), "one order at a time")
        breaker.writeEnded()
        #expect(breaker.observe(.open) == [.confirmed(.open)])
        #expect(breaker.memory == BreakerMemory(confirmed: .open))
    }

    @Test("three tries, one alarm, then one try every ten minutes")
    func retries() {
        var breaker = reconciler()
        for second in 0..<3 as Range<Int64> {
            #expect(breaker.round(want: .open, at: seconds(second), readBack: .closed) == (.open, []))
        }
        #expect(
            breaker.round(want: .open, at: seconds(3), readBack: .closed) == (nil, [.mismatch(wanted: .open, tries: 3)])
        )
        for minutes in 0..<5 as Range<Int64> {
            let due = 3 + 600 * (minutes + 1)
            #expect(breaker.round(want: .open, at: seconds(due - 1), readBack: .closed) == (nil, []))
            #expect(breaker.round(want: .open, at: seconds(due), readBack: .closed) == (.open, []))
        }
        #expect(
            breaker.round(want: .open, at: seconds(4_000), readBack: .open) == (.open, [.confirmed(.open)]))
        // Once it moved, the next difference gets its quick tries and its alarm again.
        #expect(breaker.round(want: .closed, at: seconds(4_001), readBack: .open).written == .closed)
        #expect(breaker.round(want: .closed, at: seconds(4_002), readBack: .open).written == .closed)
        #expect(breaker.round(want: .closed, at: seconds(4_003), readBack: .open).written == .closed)
        #expect(
            breaker.round(want: .closed, at: seconds(4_004), readBack: .open).notices
                == [.mismatch(wanted: .closed, tries: 3)])
    }

    @Test("a device that returns is tried at once, without a second alarm")
    func returned() {
        var breaker = reconciler()
        for second in 0..<4 as Range<Int64> { _ = breaker.round(want: .open, at: seconds(second), readBack: nil) }
        #expect(breaker.round(want: .open, at: seconds(60), readBack: nil).written == nil)
        breaker.deviceReturned()
        for second in 61..<64 as Range<Int64> {
            #expect(breaker.round(want: .open, at: seconds(second), readBack: nil) == (.open, []))
        }
        #expect(breaker.round(want: .open, at: seconds(64), readBack: nil) == (nil, []))
        #expect(breaker.round(want: .open, at: seconds(663), readBack: nil) == (nil, []))
        #expect(breaker.round(want: .open, at: seconds(664), readBack: .open).written == .open)
    }

    @Test("opened elsewhere: an alarm once, and not closed again until a person says so")
    func openedElsewhere() {
        var breaker = reconciler()
        #expect(breaker.observe(.open) == [.openedElsewhere])
        #expect(breaker.observe(.open).isEmpty)
        #expect(breaker.reconcile(want: .closed, now: seconds(1)) == (.none, []))
        var restarted = BreakerReconciler(memory: breaker.memory)
        #expect(restarted.observe(.open).isEmpty)
        #expect(restarted.reconcile(want: .closed, now: seconds(2)) == (.none, []))
        restarted.releaseOpenedElsewhere()
        #expect(restarted.reconcile(want: .closed, now: seconds(3)).0 == .write(.closed))
    }

    @Test("tamper: closed without our closing is an alarm, and opened again if the rules say so")
    func tamper() {
        var breaker = reconciler(confirmed: .open)
        #expect(breaker.observe(.closed) == [.tamper])
        #expect(breaker.round(want: .open, at: seconds(1), readBack: .open) == (.open, [.confirmed(.open)]))
        #expect(breaker.observe(.closed) == [.tamper], "each time")
        #expect(breaker.reconcile(want: .closed, now: seconds(2)) == (.none, []))
    }

    @Test("a crash between intention and write loses nothing")
    func crashBeforeWrite() {
        var breaker = reconciler()
        _ = breaker.reconcile(want: .open, now: seconds(0))
        var restarted = BreakerReconciler(memory: breaker.memory)
        #expect(restarted.observe(.closed).isEmpty)
        #expect(restarted.round(want: .open, at: seconds(1), readBack: .open) == (.open, [.confirmed(.open)]))
    }

    @Test("a crash between write and read-back is not taken for someone else's hand")
    func crashAfterWrite() {
        var breaker = reconciler()
        _ = breaker.reconcile(want: .open, now: seconds(0))
        var restarted = BreakerReconciler(memory: breaker.memory)
        // The customer paid meanwhile, and rules are asked before the first position is read.
        #expect(restarted.reconcile(want: .closed, now: seconds(1)) == (.none, []))
        #expect(restarted.observe(.open) == [.confirmed(.open)])
        #expect(!restarted.memory.isOpenedElsewhere)
        #expect(restarted.round(want: .closed, at: seconds(2), readBack: .closed).written == .closed)
    }

    @Test("a recharge after a cut whose read-back failed closes the breaker again")
    func recoveredAfterLostReadBack() {
        var breaker = reconciler()
        #expect(breaker.round(want: .open, at: seconds(0), readBack: nil) == (.open, []))
        #expect(breaker.reconcile(want: .closed, now: seconds(1)) == (.none, []))
        #expect(breaker.observe(.open) == [.confirmed(.open)])
        #expect(breaker.round(want: .closed, at: seconds(2), readBack: .closed) == (.closed, [.confirmed(.closed)]))
    }

    @Test("an order that was not taken and is not wanted any more is forgotten")
    func withdrawn() {
        var breaker = reconciler()
        #expect(breaker.round(want: .open, at: seconds(0), readBack: .closed).written == .open)
        #expect(breaker.reconcile(want: .closed, now: seconds(1)) == (.none, []))
        #expect(breaker.memory.intended == nil)
        #expect(breaker.observe(.open) == [.openedElsewhere])
    }

    @Test("an old position read while the order is under way settles nothing")
    func pollDuringWrite() {
        var breaker = reconciler()
        _ = breaker.reconcile(want: .open, now: seconds(0))
        #expect(breaker.observe(.closed).isEmpty)
        breaker.writeEnded()
        #expect(breaker.reconcile(want: .closed, now: seconds(1)) == (.none, []))
        #expect(breaker.memory.intended == .open)
        #expect(breaker.observe(.open) == [.confirmed(.open)])
    }
}

@Suite("A breaker with a device of its own habits")
struct BreakerHabitTests {
    @Test("a device that powers up in its declared position was not opened elsewhere")
    func powerUp() throws {
        let rules = try SwitchingRules(powerUp: .open)
        var breaker = BreakerReconciler(memory: BreakerMemory(confirmed: .closed), rules: rules)
        breaker.deviceReturned()
        #expect(breaker.observe(.open).isEmpty)
        #expect(breaker.round(want: .closed, at: seconds(1), readBack: .closed).written == .closed)
        #expect(breaker.observe(.open) == [.openedElsewhere], "without a return it was someone")
        var other = BreakerReconciler(memory: BreakerMemory(confirmed: .closed))
        other.deviceReturned()
        #expect(other.observe(.open) == [.openedElsewhere], "without a declaration too")
    }

    @Test("a valve is given the time to travel before it is tried again")
    func valve() throws {
        let rules = try SwitchingRules(travelTime: .seconds(20))
        var valve = BreakerReconciler(memory: BreakerMemory(confirmed: .closed), rules: rules)
        #expect(valve.round(want: .open, at: seconds(0), readBack: .closed).written == .open)
        #expect(valve.round(want: .open, at: seconds(19), readBack: .closed).written == nil)
        #expect(valve.round(want: .closed, at: seconds(19), readBack: .closed).written == nil)
        #expect(valve.memory.intended == .open, "it may still arrive")
        #expect(valve.observe(.open) == [.confirmed(.open)])
        #expect(valve.round(want: .closed, at: seconds(21), readBack: .open).written == .closed)
        #expect(valve.round(want: .closed, at: seconds(42), readBack: .open).written == .closed, "and once more")
    }

    @Test("a closing that is waited for is no tamper")
    func byHand() {
        var breaker = reconciler(confirmed: .open)
        #expect(breaker.observe(.closed, expectsClosing: true) == [.closedByHand])
        #expect(breaker.observe(.open) == [.openedElsewhere])
        #expect(breaker.observe(.closed) == [.tamper])
    }
}
