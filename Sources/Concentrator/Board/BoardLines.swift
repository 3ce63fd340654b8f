internal import Board
internal import BoardRules
internal import Metering

/// The lines of the box as far as they can be had. What cannot be had now is tried again later.
struct BoardLines {
    struct Relay {
        let relay: BoardRelay
        let outputs: [BoardLine: GPIOOutput]
        let feedback: GPIOInput?
    }

    struct Contact {
        let input: GPIOInput
        var debounce: Debounce
    }

    let configuration: BoardConfiguration
    let keeper: LineKeeper
    private(set) var relays: [Int: Relay] = [:]
    var contacts: [BoardContact: Contact] = [:]
    var lights: [BoardLight: GPIOOutput] = [:]

    init(configuration: BoardConfiguration, keeper: LineKeeper) {
        self.configuration = configuration
        self.keeper = keeper
    }

    /// Takes the lines that are not taken yet.
    /// - Returns: what stands against the others.
    mutating func open() -> [GPIOFault] {
        var faults: [GPIOFault] = []
        for relay in configuration.relays where relays[relay.point] == nil {
            do throws(GPIOFault) { relays[relay.point] = try open(relay) } catch { faults.append(error) }
        }
        for (contact, input) in configuration.inputs where contacts[contact] == nil {
            do throws(GPIOFault) {
                let line = try GPIOInput(input.line, consumer: "meterkeep \(contact.rawValue)")
                // Told once it has settled, so that a contact that is active already is told too.
                contacts[contact] = Contact(
                    input: line, debounce: Debounce(quiet: input.debounce, isActive: false))
            } catch { faults.append(error) }
        }
        for (light, line) in configuration.lights where lights[light] == nil {
            do throws(GPIOFault) {
                lights[light] = try GPIOOutput(line, consumer: "meterkeep \(light.rawValue)")
            } catch { faults.append(error) }
        }
        keeper.giveUpRest()
        return faults.sorted { $0.description < $1.description }
    }

    private func open(_ relay: BoardRelay) throws(GPIOFault) -> Relay {
        let consumer = "meterkeep relay \(relay.point)"
        var outputs: [BoardLine: GPIOOutput] = [:]
        switch relay.drive {
        case .holding(let line, _): outputs[line] = try keeper.output(line, consumer: consumer)
        case .latching(let open, let close, _):
            for line in [open, close] {
                let output = try GPIOOutput(line, consumer: consumer)
                // A coil that a pulse cut short has left under current must not burn.
                if try output.level() { try output.set(false) }
                outputs[line] = output
            }
        }
        let feedback = try relay.feedback.map { line throws(GPIOFault) in
            try GPIOInput(line, consumer: "meterkeep feedback \(relay.point)")
        }
        return Relay(relay: relay, outputs: outputs, feedback: feedback)
    }

    /// Where a relay is; nil where its lines cannot be read, which are then taken anew.
    mutating func isClosed(_ point: Int) -> Bool? {
        guard let open = relays[point] else { return nil }
        var output: Bool?
        if case .holding(let line, _) = open.relay.drive {
            output = try? open.outputs[line]?.level()
            guard output != nil else {
                drop(point)
                return nil
            }
        }
        do throws(GPIOFault) {
            let feedback = try open.feedback.map { input throws(GPIOFault) in try input.level() }
            return open.relay.isClosed(feedback: feedback, output: output)
        } catch {
            // The keeper goes on holding the relay's own line: a lost feedback must not let a relay drop.
            relays[point] = nil
            return nil
        }
    }

    /// What is gone may come back under the same name.
    mutating func drop(_ point: Int) {
        guard let gone = relays.removeValue(forKey: point) else { return }
        if case .holding(let line, _) = gone.relay.drive { keeper.giveUp(line) }
    }
}
