private import Synchronization
internal import UplinkProtocol

/// Answers on their way to the broker that the commands came by, the oldest first. Beyond a bound the oldest go: their
/// issuers send again what was not answered.
final class BrokerAnswers: Sendable {
    struct Answer: Sendable {
        let number: Int
        let json: JSONValue
    }

    private struct State {
        var next = 0
        var answers: [Answer] = []
    }

    private let state = Mutex(State())
    let added = Bell()

    static let most = 256

    func add(_ json: JSONValue) {
        state.withLock { state in
            state.next += 1
            state.answers.append(Answer(number: state.next, json: json))
            if state.answers.count > Self.most { state.answers.removeFirst() }
        }
        added.ring()
    }

    func first(_ count: Int) -> [Answer] { state.withLock { Array($0.answers.prefix(count)) } }

    func remove(through number: Int) { state.withLock { state in state.answers.removeAll { $0.number <= number } } }
}

extension SiteService {
    /// Executes a command of the broker's. Its answer goes back that way, and so does what comes of it later.
    func executeFromBroker(_ command: Command) {
        if let record = execute(command) {
            brokerAnswers.add(record.json)
        } else {
            // Nothing of it is kept: it is to come again.
            brokerAnswers.add(
                .object([
                    "id": .string(command.id), "kind": .string(command.kind), "state": .string("not_now"),
                    "outcome": .string(notNow ?? "ledger_unusable"), "detail": .object([:]),
                ]))
        }
    }
}
