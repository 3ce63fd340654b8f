public import Metering

/// One read of registers or bits. A read of nothing, of too much, or past the end cannot be built.
public struct ReadRequest: Hashable, Sendable, CustomStringConvertible {
    public let table: RegisterTable
    public let address: UInt16
    public let count: Int

    /// The most a read may ask for: 125 registers or 2000 bits (Modbus application protocol, 6.1 to 6.4).
    public static func largestCount(in table: RegisterTable) -> Int {
        switch table {
        case .coil, .discreteInput: 2000
        case .holding, .input: 125
        }
    }

    public init?(table: RegisterTable, address: UInt16, count: Int) {
        guard (1...Self.largestCount(in: table)).contains(count), Int(address) + count <= 65536 else { return nil }
        self.table = table
        self.address = address
        self.count = count
    }

    public var description: String { "FC0\(table.rawValue) 0x\(String(address, radix: 16)) × \(count)" }

    /// Characters of the request and of its answer on the wire (RTU: unit, function, data, CRC).
    public var characters: (request: Int, response: Int) {
        switch table {
        case .coil, .discreteInput: (8, 5 + (count + 7) / 8)
        case .holding, .input: (8, 5 + 2 * count)
        }
    }

    /// Request, turnaround, answer, and the silence after each frame.
    public func duration(serial: SerialFormat, turnaround: Duration) -> Duration {
        serial.duration(ofCharacters: Double(characters.request + characters.response)) + serial.interFrameSilence
            + max(turnaround, serial.interFrameSilence)
    }
}

extension SerialFormat {
    /// The silence that separates two frames: 3.5 characters, and 1.75 ms above 19200 baud (Modbus
    /// serial line specification, 2.5.1.1).
    public var interFrameSilence: Duration { baud > 19200 ? .microseconds(1750) : duration(ofCharacters: 3.5) }
}

/// The requests that fetch a set of registers in the least time on the wire.
public struct ReadPlan: Hashable, Sendable {
    public let requests: [ReadRequest]
    /// From the first request's first bit until the bus is free again.
    public let duration: Duration

    /// - Parameters:
    ///   - wanted: the registers to fetch, in any order.
    ///   - readbacks: the switch positions to fetch with them, in any order.
    ///   - turnaround: how long the meter takes from the end of a request to the start of its answer.
    ///   - holes: what this one device refuses.
    public init(
        wanted: [RegisterDefinition], readbacks: [RelayReadback] = [], limits: ReadLimits, serial: SerialFormat,
        turnaround: Duration, holes: LearnedHoles = LearnedHoles()
    ) {
        var requests: [ReadRequest] = []
        for table in RegisterTable.allCases {
            let registers = wanted.filter {
                $0.table == table && !holes.missing.contains(.init(table: table, address: Int($0.address)))
            }.map(Span.init)
            let positions = readbacks.filter { $0.table == table }.map(Span.init)
            let spans = (registers + positions).sorted { ($0.first, $0.end) < ($1.first, $1.end) }
            requests += Self.group(
                spans, table: table, limits: limits, serial: serial, turnaround: turnaround, barriers: holes.barriers)
        }
        self.requests = requests
        duration = requests.reduce(.zero) { $0 + $1.duration(serial: serial, turnaround: turnaround) }
    }

    private struct Span {
        let first: Int
        let end: Int
        init(_ register: RegisterDefinition) {
            let address = Int(register.address)
            let scaledBy = register.scaleRegister.map { Int($0.address) } ?? address
            first = min(address, scaledBy)
            end = max(address + register.encoding.registerCount, scaledBy + 1)
        }
        init(_ readback: RelayReadback) {
            first = Int(readback.address)
            end = first + 1
        }
    }

    /// Exact: `best[n]` is the least cost of fetching the first n spans; the last request of that
    /// solution covers spans k ..< n for some k, and every k is tried.
    private static func group(
        _ spans: [Span], table: RegisterTable, limits: ReadLimits, serial: SerialFormat, turnaround: Duration,
        barriers: Set<LearnedHoles.Place>
    ) -> [ReadRequest] {
        guard !spans.isEmpty else { return [] }
        var best: [(cost: Duration, start: Int, request: ReadRequest?)] = [(.zero, 0, nil)]
        for end in 1...spans.count {
            var choice: (cost: Duration, start: Int, request: ReadRequest?)?
            var reach = spans[end - 1].end
            for start in stride(from: end - 1, through: 0, by: -1) {
                if start < end - 1, !limits.allowsGaps, spans[start].end < spans[start + 1].first { break }
                if start < end - 1, barriers.contains(.init(table: table, address: spans[start + 1].first)) { break }
                reach = max(reach, spans[start].end)
                let count = reach - spans[start].first
                let isSingle = start == end - 1
                guard count <= limits.registersPerRead || isSingle,
                    let request = ReadRequest(table: table, address: UInt16(spans[start].first), count: count)
                else { break }
                let cost =
                    best[start].cost + request.duration(serial: serial, turnaround: turnaround)
                if choice.map({ cost < $0.cost }) ?? true { choice = (cost, start, request) }
            }
            guard let choice else { return [] }
            best.append(choice)
        }
        var requests: [ReadRequest] = []
        var end = spans.count
        while end > 0 {
            if let request = best[end].request { requests.append(request) }
            end = best[end].start
        }
        return requests.reversed()
    }
}

extension MeterProfile {
    /// The registers of this model that are due at a poll class: its own and all faster ones' (a normal
    /// poll fetches the fast registers too). What is billed is read with every class: a balance near its limit
    /// hangs on it.
    public func registers(upTo pollClass: PollClass) -> [RegisterDefinition] {
        registers.filter { $0.pollClass <= pollClass || $0.channel == billing?.channel }
    }

    /// The values in one answer, by channel. A register whose marker says "no value" is left out.
    public func decode(_ request: ReadRequest, _ words: [UInt16]) -> [(RegisterDefinition, Int64)] {
        registers.compactMap { register in register.value(of: request, words).map { (register, $0) } }
    }
}

extension RegisterDefinition {
    /// Whether the answer to a request has this register in it.
    public func isFetched(by request: ReadRequest) -> Bool {
        let offset = Int(address) - Int(request.address)
        return table == request.table && offset >= 0 && offset + encoding.registerCount <= request.count
    }

    /// Its value in the answer to a request; nil where it is not in it, or where there is none.
    public func value(of request: ReadRequest, _ words: [UInt16]) -> Int64? {
        let offset = Int(address) - Int(request.address)
        guard isFetched(by: request), offset + encoding.registerCount <= words.count else { return nil }
        var scaleWord: UInt16?
        if let scaleRegister {
            let offset = Int(scaleRegister.address) - Int(request.address)
            if words.indices.contains(offset) { scaleWord = words[offset] }
        }
        return decode(words[offset..<(offset + encoding.registerCount)], scaleWord: scaleWord)
    }
}
