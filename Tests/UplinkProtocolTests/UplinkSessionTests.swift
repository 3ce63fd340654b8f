import Metering
import Testing
import UplinkProtocol

/// Always the largest number: the jitter's upper end.
private struct Largest: RandomNumberGenerator {
    func next() -> UInt64 { .max }
}

private func batch(_ count: Int64, log: Log = .telemetry) throws -> Batch {
    let gateway = try #require(GatewayID(rawValue: "G-1"))
    let head = ChainHead(sequence: 9, hash: .genesis(gateway: "G-1", epoch: "e"))
    let previous = JSONValue.string(ChainHash.genesis(gateway: "G-1", epoch: "e").description)
    let records = (1...count).map {
        (sequence: $0, json: JSONValue.object(["seq": .integer($0), "previous": previous]))
    }
    return try #require(Batch(gateway: gateway, epoch: "e", log: log, chainHead: head, records: records))
}

@Suite("What follows an attempt to send")
struct UplinkSessionTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let outcome: SendOutcome
        let records: Int64
        let action: UplinkAction
        let condition: UplinkCondition
        var testDescription: String { "\(outcome) of \(records) records" }
    }

    static let table: [Row] = [
        Row(outcome: .invalidAnswer, records: 4, action: .retry(after: .milliseconds(500)), condition: .answersWrongly),
        Row(
            outcome: .status(204, retryAfter: nil), records: 4, action: .retry(after: .milliseconds(500)),
            condition: .answersWrongly),
        Row(outcome: .status(413, retryAfter: nil), records: 4, action: .shrink(to: 2), condition: .idle),
        Row(
            outcome: .status(413, retryAfter: nil), records: 1,
            action: .advance(through: 1, refused: [Refusal(sequence: 1, reason: "refused by the platform")]),
            condition: .answersWrongly),
        Row(
            outcome: .status(302, retryAfter: nil), records: 4, action: .retry(after: .milliseconds(500)),
            condition: .unreachable),
        Row(outcome: .status(400, retryAfter: nil), records: 5, action: .shrink(to: 2), condition: .answersWrongly),
        Row(
            outcome: .status(422, retryAfter: nil), records: 1,
            action: .advance(through: 1, refused: [Refusal(sequence: 1, reason: "refused by the platform")]),
            condition: .answersWrongly),
        Row(
            outcome: .status(409, retryAfter: nil), records: 4, action: .retry(after: .seconds(60)),
            condition: .refused),
        Row(
            outcome: .status(401, retryAfter: nil), records: 4, action: .retry(after: .seconds(60)), condition: .refused
        ),
        Row(
            outcome: .status(403, retryAfter: nil), records: 1, action: .retry(after: .seconds(60)), condition: .refused
        ),
        Row(
            outcome: .status(429, retryAfter: .seconds(7)), records: 4, action: .retry(after: .seconds(7)),
            condition: .unreachable),
        Row(
            outcome: .status(503, retryAfter: .seconds(99_999)), records: 4, action: .retry(after: .seconds(3600)),
            condition: .unreachable),
        Row(
            outcome: .status(503, retryAfter: nil), records: 4, action: .retry(after: .milliseconds(500)),
            condition: .unreachable),
        Row(
            outcome: .status(500, retryAfter: nil), records: 1, action: .retry(after: .milliseconds(500)),
            condition: .unreachable),
        Row(
            outcome: .status(404, retryAfter: nil), records: 1, action: .retry(after: .milliseconds(500)),
            condition: .unreachable),
        Row(
            outcome: .noAnswer("timeout"), records: 4, action: .retry(after: .milliseconds(500)),
            condition: .unreachable),
    ]

    @Test("the status table", arguments: table)
    func status(row: Row) throws {
        var session = UplinkSession(fullBatch: 100)
        var generator = Largest()
        #expect(session.record(row.outcome, of: try batch(row.records), using: &generator) == row.action)
        #expect(session.condition == row.condition)
    }

    @Test("a ledger record that is refused goes up withheld; where even that is refused, it is tried itself again")
    func withheld() throws {
        var session = UplinkSession(fullBatch: 100)
        var generator = Largest()
        let batch = try batch(1, log: .ledger)
        let refused = SendOutcome.status(422, retryAfter: nil)
        let refusal = Refusal(sequence: 1, reason: "refused by the platform")
        #expect(session.record(refused, of: batch, using: &generator) == .withhold(refusal))
        let withheld = try #require(batch.withholding(reason: refusal.reason))
        #expect(withheld.isWithheld && withheld.idempotencyKey != batch.idempotencyKey)
        let record = try WithheldRecord(json: try #require(withheld.records.first))
        #expect(record.hash == ChainHash.of(try #require(batch.records.first).canonicalBytes()))
        #expect(withheld.withholding(reason: "again") == nil)
        #expect(
            session.record(refused, of: withheld, using: &generator)
                == .reconsider(after: UplinkSession.refusedPause))
        let answer = Acknowledgement(gateway: batch.gateway, epoch: "e", log: .ledger, through: 1)
        #expect(
            session.record(.acknowledged(answer), of: withheld, using: &generator)
                == .advance(through: 1, refused: []))
    }

    @Test("a platform that takes withheld records only gets the fourth record's content refused twice, a minute apart")
    func withholdsSlowly() throws {
        var session = UplinkSession(fullBatch: 100)
        var generator = Largest()
        let answer = Acknowledgement(
            gateway: try #require(GatewayID(rawValue: "G-1")), epoch: "e", log: .ledger, through: 1)
        let batch = try batch(1, log: .ledger)
        let withheld = try #require(batch.withholding(reason: "refused"))
        var actions: [UplinkAction] = []
        for _ in 0..<4 {
            actions.append(session.record(.status(400, retryAfter: nil), of: batch, using: &generator))
            _ = session.record(.acknowledged(answer), of: withheld, using: &generator)
        }
        let refusal = Refusal(sequence: 1, reason: "refused by the platform")
        #expect(actions == Array(repeating: .withhold(refusal), count: 3) + [.retry(after: UplinkSession.refusedPause)])
    }

    @Test("the pause doubles up to five minutes, and an acknowledgement ends it")
    func backOff() throws {
        var session = UplinkSession(fullBatch: 100)
        var generator = Largest()
        let batch = try batch(3)
        var pauses: [Duration] = []
        for _ in 0..<12 {
            guard case .retry(let pause) = session.record(.noAnswer(""), of: batch, using: &generator) else { continue }
            pauses.append(pause)
        }
        #expect(pauses.prefix(4) == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(4)])
        #expect(pauses.last == .seconds(300))
        let answer = Acknowledgement(gateway: batch.gateway, epoch: "e", log: .telemetry, through: 3)
        #expect(
            session.record(.acknowledged(answer), of: batch, using: &generator) == .advance(through: 3, refused: []))
        #expect(session.failures == 0)
    }

    @Test("one poisoned record among a hundred is found by halving, and only it is set aside")
    func poison() throws {
        var session = UplinkSession(fullBatch: 100)
        var generator = Largest()
        var cursor: Int64 = 0
        var refused: [Int64] = []
        var attempts = 0
        while cursor < 100 {
            attempts += 1
            let last = min(100, cursor + Int64(session.batchLimit))
            let gateway = try #require(GatewayID(rawValue: "G-1"))
            let records = ((cursor + 1)...last).map { (sequence: $0, json: JSONValue.object(["seq": .integer($0)])) }
            let head = ChainHead(sequence: 100, hash: .genesis(gateway: "G-1", epoch: "e"))
            let batch = try #require(
                Batch(gateway: gateway, epoch: "e", log: .telemetry, chainHead: head, records: records))
            let isPoisoned = batch.first <= 37 && 37 <= batch.last
            let outcome: SendOutcome =
                isPoisoned
                ? .status(400, retryAfter: nil)
                : .acknowledged(Acknowledgement(gateway: gateway, epoch: "e", log: .telemetry, through: last))
            if case .advance(let through, let set) = session.record(outcome, of: batch, using: &generator) {
                cursor = through
                refused += set.map(\.sequence)
            }
        }
        #expect(refused == [37])
        #expect(attempts < 60)
    }

    @Test("a platform that refuses everything does not empty the log: from the fourth record on, one a minute")
    func refusesEverything() throws {
        var session = UplinkSession(fullBatch: 100)
        var generator = Largest()
        var cursor: Int64 = 0
        var waited: Duration = .zero
        for _ in 0..<40 {
            let gateway = try #require(GatewayID(rawValue: "G-1"))
            let records = ((cursor + 1)...(cursor + Int64(session.batchLimit)))
                .map { (sequence: $0, json: JSONValue.object(["seq": .integer($0)])) }
            let head = ChainHead(sequence: 1000, hash: .genesis(gateway: "G-1", epoch: "e"))
            let batch = try #require(
                Batch(gateway: gateway, epoch: "e", log: .telemetry, chainHead: head, records: records))
            switch session.record(.status(400, retryAfter: nil), of: batch, using: &generator) {
            case .advance(let through, let refused):
                #expect(refused.map(\.sequence) == [cursor + 1])
                cursor = through
            case .retry(let pause): waited += pause
            case .shrink, .withhold, .reconsider: break
            }
        }
        #expect(cursor > 3)
        #expect(waited >= .seconds(60) * Int(cursor - 3))
        #expect(session.condition == .refused || session.condition == .answersWrongly)
        let last = try batch(1)
        let answer = Acknowledgement(gateway: last.gateway, epoch: "e", log: .telemetry, through: 1)
        _ = session.record(.acknowledged(answer), of: last, using: &generator)
        #expect(
            session.record(.status(400, retryAfter: nil), of: last, using: &generator)
                == .advance(through: 1, refused: [Refusal(sequence: 1, reason: "refused by the platform")]))
    }

    @Test(
        "what is no acknowledgement",
        arguments: [
            "<html>Log in to the hotel</html>", "{}",
            "{\"gateway\":\"G-2\",\"epoch\":\"e\",\"log\":\"X\",\"through\":3,\"refused\":[]}",
            "{\"gateway\":\"G-1\",\"epoch\":\"old\",\"log\":\"X\",\"through\":3,\"refused\":[]}",
            "{\"gateway\":\"G-1\",\"epoch\":\"e\",\"log\":\"X\",\"through\":3,\"refused\":[]}",
            "{\"gateway\":\"G-1\",\"epoch\":\"e\",\"log\":\"X\",\"through\":4,\"refused\":[]}",
            "{\"gateway\":\"G-1\",\"epoch\":\"e\",\"log\":\"X\",\"through\":3,\"refused\":[{\"seq\":9,\"reason\":\"\"}]}",
        ])
    func notAcknowledged(text: String) throws {
        let batch = try batch(3)
        #expect(throws: FieldProblem.self) { try Acknowledgement(bytes: Array(text.utf8), answering: batch) }
    }

    @Test("the same records make the same bytes under the same key")
    func frozen() throws {
        let first = try batch(3)
        #expect(try batch(3) == first)
        #expect(try Batch(bytes: first.bytes) == first)
        #expect(try batch(2).idempotencyKey != first.idempotencyKey)
    }
}
