import Metering
import Prepaid
import ReferencePlatform
import Testing
import UplinkProtocol

@Suite("What the platform takes of a ledger")
struct IntakeTests {
    private func problem(_ work: () throws -> Void) -> BatchProblem? {
        do {
            try work()
            return nil
        } catch { return error as? BatchProblem }
    }

    @Test("a batch is taken once, however often it comes, and answered the same")
    func taken() throws {
        let platform = try TemporaryStore()
        let ledger = try GatewayLedger(recharges: 3)
        let batch = try ledger.batch(1...3)
        let answer = try platform.store.take(batch, now: noon)
        #expect(answer.through == 3)
        #expect(try platform.store.take(batch, now: noon) == answer)
        #expect(try platform.store.ledger(gateway: "G-1", account: "A-1").count == 3)
        let account = try #require(try platform.store.accounts().first)
        #expect(account.balance == Money(microunits: 3_000_000))
        #expect(account.lastRechargeNumber == 3)
    }

    @Test("a batch that begins with known records adds the new ones")
    func overlapping() throws {
        let platform = try TemporaryStore()
        let ledger = try GatewayLedger(recharges: 5)
        _ = try platform.store.take(try ledger.batch(1...3), now: noon)
        _ = try platform.store.take(try ledger.batch(2...5), now: noon)
        #expect(try platform.store.gateways().first?.ledgerThrough == 5)
    }

    @Test("a record that was left out, and a broken link, take nothing of the batch")
    func broken() throws {
        let platform = try TemporaryStore()
        let ledger = try GatewayLedger(recharges: 4)
        _ = try platform.store.take(try ledger.batch(1...1), now: noon)
        #expect(
            problem { _ = try platform.store.take(try ledger.batch(3...4), now: noon) }
                == .doesNotFollow("record 3 came, 2 was expected"))
        var forged = try GatewayLedger()
        for _ in 0..<2 { forged.recharge(microunits: 9) }
        #expect(
            problem { _ = try platform.store.take(try forged.batch(2...2), now: noon) }
                == .doesNotFollow("record 2 does not continue the chain"))
        #expect(try platform.store.gateways().first?.ledgerThrough == 1)
    }

    @Test("a known record with other bytes is refused: a ledger that was restored and went another way")
    func rewritten() throws {
        let platform = try TemporaryStore()
        _ = try platform.store.take(try GatewayLedger(recharges: 2).batch(1...2), now: noon)
        var other = try GatewayLedger(recharges: 1)
        other.recharge(microunits: 7)
        #expect(
            problem { _ = try platform.store.take(try other.batch(2...2), now: noon) }
                == .doesNotFollow("record 2 of the ledger log was another one before"))
    }

    @Test("a record that was withheld may come whole later: it counts once, and not over what is newer")
    func completed() throws {
        let platform = try TemporaryStore()
        let ledger = try GatewayLedger(recharges: 4)
        func account() throws -> AccountSummary { try #require(try platform.store.accounts().first) }
        func send(_ range: ClosedRange<Int64>, withheld: Bool = false) throws {
            let batch = try ledger.batch(range)
            _ = try platform.store.take(withheld ? try #require(batch.withholding(reason: "no")) : batch, now: noon)
        }
        try send(1...1)
        try send(2...2, withheld: true)
        #expect(try account().balance == Money(microunits: 1_000_000))
        #expect(try account().isCertain == false)
        #expect(try platform.store.gateways().first?.withheld == 1)
        try send(2...2)
        #expect(try account().balance == Money(microunits: 2_000_000))
        #expect(try account().isCertain)
        try send(3...3, withheld: true)
        // The next posting tells the balance after all of them.
        try send(4...4)
        #expect(try account().isCertain)
        for _ in 0..<2 { try send(3...3) }
        // Withheld again by a gateway that did not hear the answer: what is here stays.
        try send(3...3, withheld: true)
        #expect(try account().balance == Money(microunits: 4_000_000))
        #expect(try platform.store.gateways().first?.withheld == 0)
        #expect(try platform.store.ledger(gateway: "G-1", account: "A-1").count == 4)
        // Nothing else passes for it.
        var forged = try GatewayLedger(recharges: 1)
        forged.recharge(microunits: 7)
        #expect(problem { _ = try platform.store.take(try forged.batch(2...2), now: noon) } != nil)
    }

    @Test("the head must be at or after the batch, and be the record that was taken")
    func head() throws {
        let platform = try TemporaryStore()
        let ledger = try GatewayLedger(recharges: 3)
        let early = ChainHead(sequence: 2, hash: ledger.records[1].hash)
        #expect(
            problem { _ = try platform.store.take(try ledger.batch(1...3, head: early), now: noon) }
                == .doesNotFollow("the ledger's head is record 2, before record 3 of the same batch"))
        let forged = ChainHead(sequence: 3, hash: .genesis(gateway: "G-1", epoch: "other"))
        #expect(
            problem { _ = try platform.store.take(try ledger.batch(1...3, head: forged), now: noon) }
                == .doesNotFollow("the ledger's head, record 3, is another one than was taken"))
        #expect(try platform.store.gateways().isEmpty)
    }

    @Test("a ledger that was cut is noticed with the next readings, which are taken all the same")
    func cut() throws {
        let platform = try TemporaryStore()
        let whole = try GatewayLedger(recharges: 4)
        _ = try platform.store.take(try whole.batch(1...4), now: noon)
        _ = try platform.store.take(try whole.reading(1), now: noon)
        #expect(try platform.store.gateways().first?.faults == 0)
        let restored = try GatewayLedger(recharges: 2)
        _ = try platform.store.take(try restored.reading(2), now: noon)
        let gateway = try #require(try platform.store.gateways().first)
        #expect(gateway.telemetryThrough == 2)
        #expect(gateway.lastFault == "the ledger went back from record 4 to record 2")
        // The same batch once more is no second fault.
        _ = try platform.store.take(try restored.reading(2), now: noon)
        #expect(try platform.store.gateways().first?.faults == 1)
    }

    @Test("a ledger that was rewritten is noticed with the next readings")
    func forked() throws {
        let platform = try TemporaryStore()
        _ = try platform.store.take(try GatewayLedger(recharges: 2).batch(1...2), now: noon)
        var other = try GatewayLedger(recharges: 1)
        other.recharge(microunits: 7)
        _ = try platform.store.take(try other.reading(1), now: noon)
        #expect(
            try platform.store.gateways().first?.lastFault
                == "the ledger's head, record 2, is another one than was taken")
    }

    @Test("readings ahead of their ledger, and readings sent again under an older head, are no fault")
    func order() throws {
        let platform = try TemporaryStore()
        let young = try GatewayLedger(recharges: 1)
        let ledger = try GatewayLedger(recharges: 4)
        _ = try platform.store.take(try ledger.reading(1), now: noon)
        _ = try platform.store.take(try ledger.batch(1...4), now: noon)
        _ = try platform.store.take(try young.reading(1), now: noon)
        #expect(try platform.store.gateways().first?.faults == 0)
    }

    @Test("records of two epochs are kept apart")
    func epochs() throws {
        let platform = try TemporaryStore()
        _ = try platform.store.take(try GatewayLedger(epoch: "e1", recharges: 3).batch(1...3), now: noon)
        _ = try platform.store.take(try GatewayLedger(epoch: "e2", recharges: 1).batch(1...1), now: noon)
        let gateway = try #require(try platform.store.gateways().first)
        #expect(gateway.epoch == "e2")
        #expect(gateway.ledgerThrough == 1)
        #expect(try platform.store.ledger(gateway: "G-1", account: "A-1").count == 4)
    }

    @Test("what is silent too long: a whole gateway, or a meter of one that still speaks")
    func silent() throws {
        let platform = try TemporaryStore()
        let ledger = try GatewayLedger(recharges: 1)
        _ = try platform.store.take(try ledger.reading(1), now: noon)
        func lost(_ seconds: Int64) throws -> [String?] {
            try platform.store.silent(since: noon + .seconds(seconds)).map(\.meter)
        }
        #expect(try lost(0).isEmpty)
        #expect(try lost(1) == [nil])
        _ = try platform.store.take(try ledger.batch(1...1), now: noon + .seconds(60))
        #expect(try lost(60) == ["M-1"])
        #expect(try lost(61) == [nil])
    }

    @Test("the list of faults is bounded")
    func bounded() throws {
        let platform = try TemporaryStore()
        let ledger = try GatewayLedger(recharges: 1)
        _ = try platform.store.take(try ledger.batch(1...1), now: noon)
        for number in 0..<150 {
            try platform.store.noteFault(of: ledger.gateway, "fault \(number)", now: noon + .seconds(number))
        }
        let gateway = try #require(try platform.store.gateways().first)
        #expect(gateway.faults == 100)
        #expect(gateway.lastFault == "fault 149")
    }
}
