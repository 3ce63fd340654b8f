import Commissioning
import Console
import Metering
import Synchronization
import UnixSignals
import UplinkProtocol

/// Opens one breaker and puts it back as it was.
struct SwitchTest {
    let client: LocalClient
    let tell: (String) -> Void

    private static let patience: Duration = .seconds(60)

    func run(_ circuit: CircuitID) async -> DoorReport.Check {
        let name = "switch \(circuit)"
        guard let before = await view(circuit), let mode = before.mode else {
            return DoorReport.Check(name, .failed, "there is no circuit \(circuit); meterkeep meters shows their names")
        }
        guard before.breaker == "closed" else {
            return DoorReport.Check(
                name, .failed, "nothing was switched: its breaker is \(before.breaker ?? "not known")")
        }
        let danger = "IT MAY BE OPEN STILL: write 'meterkeep mode \(mode) \(circuit)' and look at it"
        let interruption = Interruption()
        // A line to the box that breaks must not leave anybody without power either.
        return await heedingInterrupts(
            of: [.sigint, .sigterm, .sighup], last: danger, { interruption.come() }
        ) {
            tell("Opening the breaker of \(circuit) ...")
            guard await set("forced_off", circuit) else {
                return DoorReport.Check(name, .failed, "the daemon refused to open it")
            }
            let opened = await becomes("open", circuit, or: interruption)
            // Before anything is said: whoever hung up listens no more.
            let isBack = await putBack(circuit, to: mode)
            tell("Closing it again ...")
            guard isBack, await becomes("closed", circuit) else { return DoorReport.Check(name, .failed, danger) }
            return switch opened {
            case true?: DoorReport.Check(name, .passed, "opened and closed, both read back")
            case false?: DoorReport.Check(name, .failed, "it did not open")
            case nil: DoorReport.Check(name, .failed, "it was interrupted; the breaker is closed again")
            }
        }
    }

    /// Where the rules leave a breaker as it is (a circuit without an account), it is closed by word of a person first.
    private func putBack(_ circuit: CircuitID, to mode: String) async -> Bool {
        guard await set(mode, circuit) else { return false }
        guard let now = await view(circuit), now.wanted == "hold", now.breaker != "closed" else { return true }
        guard await set("guarantee", circuit) else { return false }
        let isClosed = await becomes("closed", circuit)
        return await set(mode, circuit) && isClosed
    }

    private func set(_ mode: String, _ circuit: CircuitID) async -> Bool {
        let command: JSONValue = .object([
            "kind": .string("breaker_mode"),
            "breaker_mode": .object([
                "mode": .string(mode), "circuits": .array([.string(circuit.rawValue)]),
            ]),
        ])
        let answer = try? await client.post("/v1/commands", body: command.canonicalText)
        return answer?.object?["commands"]?.array?.first?.object?["state"]?.string == "applied"
    }

    private func view(_ circuit: CircuitID) async -> (mode: String?, breaker: String?, wanted: String?)? {
        guard let view = try? await client.get("/v1/circuits/\(circuit.rawValue)").object else { return nil }
        let circuit = view["circuit"]?.object
        return (view["mode"]?.string, circuit?["breaker"]?.string, circuit?["wanted"]?.string)
    }

    private func becomes(_ position: String, _ circuit: CircuitID) async -> Bool {
        await becomes(position, circuit, or: Interruption()) ?? false
    }

    /// - Returns: nil where it was interrupted before.
    private func becomes(_ position: String, _ circuit: CircuitID, or interruption: Interruption) async -> Bool? {
        let started = ContinuousClock.now
        while ContinuousClock.now - started < Self.patience {
            if interruption.hasCome { return nil }
            if await view(circuit)?.breaker == position { return true }
            try? await Task.sleep(for: .milliseconds(200))
        }
        return false
    }
}

/// Whether somebody wants it to end.
private final class Interruption: Sendable {
    private let flag = Atomic(false)

    var hasCome: Bool { flag.load(ordering: .relaxed) }

    func come() { flag.store(true, ordering: .relaxed) }
}
