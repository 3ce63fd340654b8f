public import MeterProfiles
private import Metering

/// What a bus puts on the wire for one request.
public struct BusReply: Hashable, Sendable {
    /// Empty where nobody answers.
    public let bytes: [UInt8]
    /// From the request's end until the answer starts.
    public let turnaround: Duration

    static let none = BusReply(bytes: [], turnaround: .zero)
}

/// A write that a device received.
public struct ReceivedWrite: Hashable, Sendable {
    /// Simulated seconds after the start.
    public let at: Double
    public let bus: String
    public let unit: UInt8
    public let device: String
    public let write: RelayWrite
    /// What it moved, where it moved something.
    public let point: Int?
    public let isClosed: Bool?
}

/// One RS485 line with its devices. A value: the same seed and the same calls make the same world.
public struct SimulatedBus: Sendable {
    public let name: String
    public let serial: SerialFormat
    public internal(set) var devices: [SimulatedMeter]
    /// Which meters a relay board's points feed: (board, point) → meter.
    let wiring: [Wire: String]
    private let turnaround: ClosedRange<Int64>
    private var generator: SplitMix
    /// Supply changes for meters on other buses, taken by the world.
    var supplyChanges: [(meter: String, isOn: Bool)] = []

    struct Wire: Hashable, Sendable {
        let board: String
        let point: Int
    }

    /// - Parameter turnaround: microseconds from the request's end to the answer's start.
    init(
        name: String, serial: SerialFormat, devices: [SimulatedMeter], wiring: [Wire: String],
        turnaround: ClosedRange<Int64>, seed: UInt64
    ) {
        self.name = name
        self.serial = serial
        self.devices = devices
        self.wiring = wiring
        self.turnaround = turnaround
        generator = SplitMix(seed: seed)
    }

    /// Answers one request frame.
    public mutating func answer(
        _ frame: [UInt8], at seconds: Double, faults active: (SimulatedMeter) -> Set<Fault>
    ) -> (reply: BusReply, writes: [ReceivedWrite]) {
        guard let (unit, request) = ServerFrame.parse(frame),
            let index = devices.firstIndex(where: { $0.unit == unit })
        else { return (.none, []) }
        let faults = active(devices[index])
        devices[index].faults = faults
        devices[index].seconds = seconds
        if faults.contains(.dead) { return (.none, []) }
        var received: [ReceivedWrite] = []
        let plain: [UInt8]
        if faults.contains(.exception) {
            plain = ServerFrame.exception(unit: unit, function: frame[1], code: 4)
        } else {
            switch request {
            case .read(let table, let address, let count):
                plain = read(index, table, address: address, count: count)
            case .write(let write):
                plain = take([write], frame: frame, index, at: seconds, into: &received)
            case .writeCoils(let address, let values):
                let writes = values.enumerated().map { offset, value in
                    RelayWrite.coil(address: address &+ UInt16(truncatingIfNeeded: offset), value: value)
                }
                plain = take(writes, frame: frame, index, at: seconds, into: &received)
            case .malformed(let function):
                plain = ServerFrame.exception(unit: unit, function: function, code: 3)
            case .unsupported(let function):
                plain = ServerFrame.exception(unit: unit, function: function, code: 1)
            }
        }
        return (spoil(plain, request: frame, by: faults), received)
    }

    /// Takes the writes of one request: all of them, or none where the device has nothing at one of the
    /// addresses. What arrived is noted either way.
    private mutating func take(
        _ writes: [RelayWrite], frame: [UInt8], _ index: Int, at seconds: Double, into received: inout [ReceivedWrite]
    ) -> [UInt8] {
        let device = devices[index]
        let areKnown = writes.allSatisfy(device.knows)
        for write in writes {
            let moves = areKnown ? devices[index].take(write) : []
            let first = moves.first
            received.append(
                ReceivedWrite(
                    at: seconds, bus: name, unit: device.unit, device: device.name, write: write, point: first?.point,
                    isClosed: first?.isClosed))
            if device.travelSeconds == 0 {
                for move in moves { follow(move, of: device) }
            }
        }
        return areKnown
            ? ServerFrame.echo(of: frame) : ServerFrame.exception(unit: device.unit, function: frame[1], code: 2)
    }

    /// Switches that were on their way have arrived.
    mutating func arrive(at seconds: Double) {
        for index in devices.indices {
            for move in devices[index].arrive(at: seconds) { follow(move, of: devices[index]) }
        }
    }

    private mutating func read(_ index: Int, _ table: RegisterTable, address: UInt16, count: Int) -> [UInt8] {
        let device = devices[index]
        guard ReadRequest(table: table, address: address, count: count) != nil else {
            return ServerFrame.exception(unit: device.unit, function: table.rawValue, code: 3)
        }
        let volts = 228 + Int64(generator.next() % 5)
        guard let words = device.words(table, address: address, count: count, volts: volts) else {
            return ServerFrame.exception(unit: device.unit, function: table.rawValue, code: 2)
        }
        return ServerFrame.answer(unit: device.unit, table: table, words: words)
    }

    /// A device's own switch feeds itself; a board's points feed what is wired behind them.
    private mutating func follow(_ moved: (point: Int, isClosed: Bool), of device: SimulatedMeter) {
        if device.isMeter { supplyChanges.append((device.name, moved.isClosed)) }
        if let meter = wiring[Wire(board: device.name, point: moved.point)] {
            supplyChanges.append((meter, moved.isClosed))
        }
    }

    private mutating func spoil(_ plain: [UInt8], request: [UInt8], by faults: Set<Fault>) -> BusReply {
        var bytes = plain
        var pause = Duration.microseconds(Int64.random(in: turnaround, using: &generator))
        if faults.contains(.wrongUnit) { bytes = ServerFrame.seal([bytes[0] ^ 0x40] + bytes.dropFirst().dropLast(2)) }
        if faults.contains(.badCRC), let last = bytes.indices.last { bytes[last] ^= 0xFF }
        if faults.contains(.truncated) { bytes = Array(bytes.prefix(bytes.count / 2)) }
        if faults.contains(.noise) { bytes = [0x00, 0xFE, UInt8(truncatingIfNeeded: generator.next())] + bytes }
        if faults.contains(.echo) { bytes = request + bytes }
        if faults.contains(.sharedAddress) { bytes = withSecondAnswer(bytes) }
        if faults.contains(.slow) { pause = .milliseconds(600) }
        if faults.contains(.lateReply) { pause = .milliseconds(900) }
        return BusReply(bytes: bytes, turnaround: pause)
    }

    /// The answer of a device and of another one of the same address, whose values differ. Where both
    /// speak, a zero wins, as two drivers that pull the line apart mostly read.
    private mutating func withSecondAnswer(_ first: [UInt8]) -> [UInt8] {
        guard first.count >= 5 else { return first }
        var second = Array(first.dropLast(2))
        second[second.count - 1] &+= 1
        second = ServerFrame.seal(second)
        let spread = turnaround.upperBound - turnaround.lowerBound
        let delay = Duration.microseconds(Int64.random(in: 0...max(spread, 1), using: &generator))
        let start = Int(delay / serial.duration(ofCharacters: 1))
        guard start < first.count else { return first + second }
        var bytes = first + Array(repeating: 0xFF, count: start)
        for (offset, byte) in second.enumerated() { bytes[start + offset] &= byte }
        return bytes
    }
}

/// A small generator with a seed (SplitMix64).
struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
