public import MeterProfiles

/// Why a text is no range of a scan: what is wrong, and what to write instead.
public struct ScanRangeProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
}

extension ScanRange {
    private static let characterFormats: [String: (parity: SerialFormat.Parity, stopBits: Int)] = [
        "8N1": (.none, 1), "8E1": (.even, 1), "8O1": (.odd, 1), "8N2": (.none, 2),
    ]

    /// Reads a range as people write it. What is empty is the usual: see `usualFormats`, all addresses.
    /// - Parameters:
    ///   - rates: `9600,2400`
    ///   - formats: `8N1,8E1`
    ///   - units: `1-32,100`
    ///   - isSerial: false for a bus behind a network, whose rate is set at its other end.
    public init(
        rates: String, formats: String, units: String, timeoutMilliseconds: Int?, isThorough: Bool, bus: SerialFormat,
        isSerial: Bool = true, profiles: [MeterProfile]
    ) throws(ScanRangeProblem) {
        guard isSerial else {
            guard Self.parts(rates + formats).isEmpty else {
                throw ScanRangeProblem(
                    description: "the rate and format of a bus behind a network are set at its converter; leave "
                        + "--rates and --formats out")
            }
            self.init(
                formats: [bus], units: try Self.units(units),
                timeout: timeoutMilliseconds.map { .milliseconds($0) } ?? Self.usualTimeout, isThorough: isThorough)
            return
        }
        var lines = Self.usualFormats(of: bus, profiles: profiles)
        let bauds = try Self.parts(rates).map { text throws(ScanRangeProblem) in
            guard let baud = Int(text), SerialFormat.baudRates.contains(baud) else {
                let known = SerialFormat.baudRates.map(String.init).joined(separator: " ")
                throw ScanRangeProblem(description: "'\(text)' is no rate of RS485 meters; write some of \(known)")
            }
            return baud
        }
        let shapes = try Self.parts(formats).map { text throws(ScanRangeProblem) in
            guard let shape = Self.characterFormats[text.uppercased()] else {
                throw ScanRangeProblem(
                    description: "'\(text)' is no character format of a scan; write some of 8N1 8E1 8O1 8N2")
            }
            return shape
        }
        if !bauds.isEmpty || !shapes.isEmpty {
            let chosenBauds = bauds.isEmpty ? lines.map(\.baud) : bauds
            let chosenShapes = shapes.isEmpty ? [(bus.parity, bus.stopBits)] : shapes
            lines = chosenBauds.flatMap { baud in
                chosenShapes.map { SerialFormat(baud: baud, parity: $0.0, stopBits: $0.1) }
            }
        }
        self.init(
            formats: lines, units: try Self.units(units),
            timeout: timeoutMilliseconds.map { .milliseconds($0) } ?? Self.usualTimeout, isThorough: isThorough)
    }

    private static func units(_ text: String) throws(ScanRangeProblem) -> [UInt8] {
        let parts = parts(text)
        if parts.isEmpty { return Array(1...247) }
        var units: [UInt8] = []
        for part in parts {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { UInt8($0) }
            guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil,
                first >= 1, first <= last, last <= 247
            else {
                throw ScanRangeProblem(
                    description: "'\(part)' is no range of addresses; write them like 1-32,100 (1 to 247)")
            }
            units += Array(first...last)
        }
        return units
    }

    private static func parts(_ text: String) -> [String] {
        text.split { $0 == "," || $0 == " " }.map(String.init)
    }
}
