public import BoardRules
internal import ConfigurationReader

/// A contact of the box.
public enum BoardContact: String, Hashable, Sendable, CaseIterable {
    /// Active while the door is open.
    case door
    /// Active while the box runs on what its capacitor or battery holds.
    case powerFail = "power_fail"
    /// Active while it is pressed.
    case resetButton = "reset_button"
}

/// What the box has on GPIO lines: the section `board` of `gateway.yaml`.
public struct BoardConfiguration: Hashable, Sendable {
    public struct Input: Hashable, Sendable {
        public let line: BoardLine
        public let debounce: Duration
    }

    public let relays: [BoardRelay]
    public let inputs: [BoardContact: Input]
    public let lights: [BoardLight: BoardLine]

    /// For `--check`.
    public var lines: [String] {
        relays.map { relay in
            let outputs = relay.outputs.map(\.name).joined(separator: " and ")
            let feedback = relay.feedback.map { ", feedback \($0)" } ?? ", no feedback"
            switch relay.drive {
            case .latching: return "relay \(relay.point): latching, opens and closes by \(outputs)\(feedback)"
            case .holding(_, let isClosedWhileActive):
                return "relay \(relay.point): closed while \(outputs) is "
                    + "\(isClosedWhileActive ? "active" : "inactive")\(feedback)"
            }
        }
            + BoardContact.allCases.compactMap { contact in inputs[contact].map { "\(contact.rawValue): \($0.line)" } }
            + BoardLight.allCases.compactMap { light in lights[light].map { "light \(light.rawValue): \($0)" } }
    }
}

extension GatewayConfiguration {
    /// The points that a circuit's breaker may have on the box itself.
    public var boardPoints: Set<Int> { Set(board?.relays.map(\.point) ?? []) }
}

extension BoardConfiguration {
    private enum ClosedWhile: String, CaseIterable { case active, inactive }

    private static let relayKeys = [
        "point", "line", "closed_while", "open", "close", "pulse_ms", "active_low", "feedback", "feedback_active_low",
        "travel_ms",
    ]

    /// Reads the section `board`.
    static func read(_ node: ConfigurationNode) -> BoardConfiguration? {
        guard let board = node.mapping(keys: ["relays", "inputs", "lights"]) else { return nil }
        var lines = UsedLines()
        var relays: [BoardRelay] = []
        for entry in board.list("relays") {
            guard let relay = readRelay(entry, lines: &lines) else { continue }
            if relays.contains(where: { $0.point == relay.point }) {
                entry.refuse("the point \(relay.point) is there twice", "give each relay a point of its own")
            }
            relays.append(relay)
        }
        var inputs: [BoardContact: Input] = [:]
        let contacts = board.mapping("inputs", keys: BoardContact.allCases.map(\.rawValue))
        for contact in BoardContact.allCases {
            guard let input = contacts?.mapping(contact.rawValue, keys: ["line", "active_low", "debounce_ms"]),
                let line = lines.read(input, "line", lowKey: "active_low"),
                let debounce = input.integer("debounce_ms", in: 1...5_000, default: 50)
            else { continue }
            inputs[contact] = Input(line: line, debounce: .milliseconds(debounce))
        }
        var lights: [BoardLight: BoardLine] = [:]
        let lamps = board.mapping("lights", keys: BoardLight.allCases.map(\.rawValue))
        for light in BoardLight.allCases {
            guard let lamp = lamps?.mapping(light.rawValue, keys: ["line", "active_low"]) else { continue }
            lights[light] = lines.read(lamp, "line", lowKey: "active_low")
        }
        return BoardConfiguration(relays: relays, inputs: inputs, lights: lights)
    }

    private static func readRelay(_ entry: ConfigurationNode, lines: inout UsedLines) -> BoardRelay? {
        guard let relay = entry.mapping(keys: relayKeys), let point = relay["point"] ?? relay.required("point"),
            let point = point.integer(in: 1...64),
            let travel = relay.integer("travel_ms", in: 0...2_000, default: 50)
        else { return nil }
        var feedback: BoardLine?
        if relay["feedback"] != nil {
            feedback = lines.read(relay, "feedback", lowKey: "feedback_active_low")
        } else {
            relay["feedback_active_low"]?.refuse("there is no feedback", "add 'feedback: ...', or leave it out")
        }
        let drive: BoardRelay.Drive
        if relay["line"] != nil {
            for key in ["open", "close", "pulse_ms"] {
                relay[key]?.refuse(
                    "\(key) belongs to a latching relay", "leave it out, or write 'open' and 'close' in place of 'line'"
                )
            }
            guard let line = lines.read(relay, "line", lowKey: "active_low"),
                let closed: ClosedWhile = relay.choice("closed_while", default: .active)
            else { return nil }
            drive = .holding(line, isClosedWhileActive: closed == .active)
        } else {
            relay["closed_while"]?.refuse(
                "closed_while belongs to a relay that is held by one line", "leave it out, or write 'line'")
            guard let open = lines.read(relay, "open", lowKey: "active_low"),
                let close = lines.read(relay, "close", lowKey: "active_low"),
                let pulse = relay.integer("pulse_ms", in: 5...1_000, default: 100)
            else { return nil }
            if feedback == nil, relay["feedback"] == nil {
                entry.refuse(
                    "nobody can tell where the latching relay \(point) is",
                    "wire its auxiliary contact to an input and add 'feedback: ...'")
                return nil
            }
            drive = .latching(open: open, close: close, pulse: .milliseconds(pulse))
        }
        return BoardRelay(point: point, drive: drive, feedback: feedback, travelTime: .milliseconds(travel))
    }
}

/// The lines that are spoken for: each does one thing.
private struct UsedLines {
    private var places: [String: String] = [:]

    mutating func read(_ mapping: ConfigurationMapping, _ key: String, lowKey: String) -> BoardLine? {
        guard let name = mapping.text(key), let isActiveLow = mapping.boolean(lowKey, default: false) else {
            return nil
        }
        guard name.utf8.count < 32, !name.contains(where: { $0.isNewline || $0 == "," || $0 == "=" }) else {
            mapping[key]?.refuse(
                "'\(name)' is no name of a line", "write it as gpioinfo shows it, or as gpiochip0:17")
            return nil
        }
        if let other = places[name], let node = mapping[key] {
            node.refuse("the line '\(name)' is used by \(other) already", "give each its own line")
        }
        places[name] = mapping[key]?.path ?? mapping.place.path
        return BoardLine(name: name, isActiveLow: isActiveLow)
    }
}
