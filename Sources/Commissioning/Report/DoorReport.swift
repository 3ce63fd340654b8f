/// What a box showed when it was tested, to leave on its door.
public struct DoorReport: Hashable, Sendable {
    public enum Outcome: String, Hashable, Sendable, CaseIterable {
        case passed, failed
        /// It could not be told, or nobody wanted it.
        case open
    }

    public struct Check: Hashable, Sendable {
        public let name: String
        public let outcome: Outcome
        public let words: String

        public init(_ name: String, _ outcome: Outcome, _ words: String) {
            self.name = name
            self.outcome = outcome
            self.words = words
        }
    }

    public struct Bus: Hashable, Sendable {
        public let name: String
        public let port: String
        /// `9600 8N1`
        public let format: String

        public init(name: String, port: String, format: String) {
            self.name = name
            self.port = port
            self.format = format
        }
    }

    /// One circuit; what is not known is nil.
    public struct Line: Hashable, Sendable {
        public let circuit: String
        public let meter: String
        public let address: String
        /// `101.130 kWh`
        public let counter: String?
        public let power: String?
        public let breaker: String?
        public let outcome: Outcome

        public init(
            circuit: String, meter: String, address: String, counter: String?, power: String?, breaker: String?,
            outcome: Outcome
        ) {
            self.circuit = circuit
            self.meter = meter
            self.address = address
            self.counter = counter
            self.power = power
            self.breaker = breaker
            self.outcome = outcome
        }
    }

    public let gateway: String
    /// In words, with its zone.
    public let at: String
    public let buses: [Bus]
    public let lines: [Line]
    public let checks: [Check]
    public let complaints: [Complaint]

    public init(
        gateway: String, at: String, buses: [Bus], lines: [Line], checks: [Check], complaints: [Complaint]
    ) {
        self.gateway = gateway
        self.at = at
        self.buses = buses
        self.lines = lines
        self.checks = checks
        self.complaints = complaints
    }

    /// No check failed.
    public var isPassed: Bool { checks.allSatisfy { $0.outcome != .failed } }

    public var verdict: String { isPassed ? "PASSED" : "NOT PASSED" }

    static let headings = ["CIRCUIT", "METER", "ADDRESS", "COUNTER", "POWER", "BREAKER", ""]

    func cells(_ line: Line) -> [String] {
        let mark = line.outcome == .passed ? "ok" : line.outcome == .failed ? "MISSING" : "open"
        return [
            line.circuit, line.meter, line.address, line.counter ?? "-", line.power ?? "-", line.breaker ?? "-", mark,
        ]
    }

    /// Plain text, 80 columns where the names allow it.
    public var text: String {
        var out = [
            "METERKEEP SELF-TEST: \(verdict)", "box     \(gateway)", "time    \(at)", "",
        ]
        let width = checks.map { $0.name.count }.max() ?? 0
        for check in checks {
            let mark = check.outcome == .passed ? "ok  " : check.outcome == .failed ? "FAIL" : "open"
            out.append("[\(mark)] \(Self.padded(check.name, to: width))  \(check.words)")
        }
        out.append("")
        out += buses.map { "\($0.name): \($0.port) at \($0.format)" }
        out.append("")
        let table = [Self.headings] + lines.map(cells)
        let widths = Self.headings.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        for row in table {
            let line = row.indices.map { Self.padded(row[$0], to: widths[$0]) }.joined(separator: "  ")
            out.append(String(line.reversed().drop { $0 == " " }.reversed()))
        }
        if !complaints.isEmpty { out += ["", "WHAT IS LEFT TO DO"] }
        for (index, complaint) in complaints.enumerated() {
            out.append("\(index + 1). \(complaint.place): \(complaint.what)")
            out += complaint.remedies.map { "   - \($0)" }
        }
        return out.joined(separator: "\n") + "\n"
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
