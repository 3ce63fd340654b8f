internal import ConfigurationReader

/// Reads the switches of a profile, in one of two forms:
/// - `coils: 8` — a relay board: point n is coil n − 1, on is closed (or open with `inverted: true`);
/// - `open:`, `close:`, `readback:` — one switch moved by writing registers.
enum RelayReader {
    static func read(_ node: ConfigurationNode) -> RelayDefinition? {
        guard let relay = node.mapping(keys: ProfileKeys.relay),
            let powerUp: PowerUpPosition = relay.choice("power_up"),
            let travelSeconds = relay.integer("travel_s", in: 0...300, default: 0)
        else { return nil }
        if relay["coils"] != nil {
            refuse(["open", "close", "readback"], of: relay, beside: "coils")
            guard let count = relay.integer("coils", in: 1...64),
                let isInverted = relay.boolean("inverted", default: false)
            else { return nil }
            let allCoil = relay["all_coil"].flatMap { $0.integer(in: count...65_535) }
            return RelayDefinition(
                points: (1...count).map { coil(point: $0, isInverted: isInverted) }, powerUp: powerUp,
                allCoil: allCoil.map { UInt16($0) }, travelTime: .seconds(travelSeconds))
        }
        refuse(["inverted", "all_coil"], of: relay, beside: "open")
        guard let open = relay.required("open").flatMap(readWrite),
            let close = relay.required("close").flatMap(readWrite),
            let readback = relay.required("readback").flatMap(readReadback)
        else { return nil }
        if open == close {
            node.refuse("opening and closing write the same", "check both against the manual")
            return nil
        }
        return RelayDefinition(
            points: [RelayPoint(point: 1, open: open, close: close, readback: readback)], powerUp: powerUp,
            travelTime: .seconds(travelSeconds))
    }

    private static func coil(point: Int, isInverted: Bool) -> RelayPoint {
        let address = UInt16(point - 1)
        return RelayPoint(
            point: point, open: .coil(address: address, value: isInverted),
            close: .coil(address: address, value: !isInverted),
            readback: RelayReadback(table: .coil, address: address, mask: 1, closedValue: isInverted ? 0 : 1))
    }

    /// Keys of the other form would be read by nobody.
    private static func refuse(_ keys: [String], of mapping: ConfigurationMapping, beside key: String) {
        for other in keys {
            mapping[other]?.refuse("'\(other)' has no meaning beside '\(key)'", "keep one of the two")
        }
    }

    private static func readWrite(_ node: ConfigurationNode) -> RelayWrite? {
        guard let write = node.mapping(keys: ProfileKeys.relayWrite) else { return nil }
        if write["coil"] != nil {
            refuse(["register", "values"], of: write, beside: "coil")
            guard let address = write.integer("coil", in: 0...65_535), let text = write.text("value") else {
                return nil
            }
            guard text == "on" || text == "off" else {
                write["value"]?.refuse("a coil cannot be '\(text)'", "write on or off")
                return nil
            }
            return .coil(address: UInt16(address), value: text == "on")
        }
        guard let address = write.integer("register", in: 0...65_535) else { return nil }
        if write["value"] != nil {
            refuse(["values"], of: write, beside: "value")
            return write.integer("value", in: 0...65_535).map {
                .register(address: UInt16(address), value: UInt16($0))
            }
        }
        let values = write.list("values").compactMap { $0.integer(in: 0...65_535).map { UInt16($0) } }
        guard (1...16).contains(values.count) else {
            node.refuse("'\(node.path)' does not write 1 to 16 registers", "add 'value: 1' or 'values: [1, 0]'")
            return nil
        }
        guard address + values.count <= 65_536 else {
            node.refuse("the registers run past 0xFFFF", "check the address against the manual")
            return nil
        }
        return .registers(address: UInt16(address), values: values)
    }

    private static func readReadback(_ node: ConfigurationNode) -> RelayReadback? {
        guard let readback = node.mapping(keys: ProfileKeys.readback),
            let table = readback.required("table")?.registerTable(),
            let address = readback.integer("address", in: 0...65_535),
            let mask = readback.integer("mask", in: 1...table.largestWord, default: 1),
            let closed = readback.integer("closed", in: 0...65_535)
        else { return nil }
        guard closed & mask == closed else {
            readback["closed"]?.refuse("'closed' has bits outside 'mask'", "check both against the manual")
            return nil
        }
        return RelayReadback(
            table: table, address: UInt16(address), mask: UInt16(mask), closedValue: UInt16(closed))
    }
}

extension RegisterTable {
    /// The largest value of one entry: a bit's or a register's.
    fileprivate var largestWord: Int { self == .coil || self == .discreteInput ? 1 : 65_535 }
}

extension RelayReadback {
    /// The read that fetches this position alone.
    public var request: ReadRequest? { ReadRequest(table: table, address: address, count: 1) }

    /// Whether `word`, read from this address, says closed.
    public func isClosed(_ word: UInt16) -> Bool { word & mask == closedValue }

    /// Whether the answer to a request shows this position.
    public func isFetched(by request: ReadRequest) -> Bool {
        table == request.table && (0..<request.count).contains(Int(address) - Int(request.address))
    }

    /// What the answer to a request says; nil where this position is not in it. `words` are registers, or bits as 0
    /// and 1.
    public func isClosed(in request: ReadRequest, _ words: [UInt16]) -> Bool? {
        let offset = Int(address) - Int(request.address)
        guard isFetched(by: request), words.indices.contains(offset) else { return nil }
        return isClosed(words[offset])
    }
}

extension RelayDefinition {
    /// The positions that one answer shows, by point. `words` are registers, or bits as 0 and 1.
    public func positions(_ request: ReadRequest, _ words: [UInt16]) -> [(point: Int, isClosed: Bool)] {
        points.compactMap { point in point.readback.isClosed(in: request, words).map { (point.point, $0) } }
    }
}
