public import Metering

/// What one device was found to refuse, though its model's registers should allow it: reads across some
/// places, and some registers altogether. Firmware differs where the manual does not.
public struct LearnedHoles: Hashable, Sendable {
    /// A register or bit by its table and address.
    public struct Place: Hashable, Comparable, Sendable {
        public let table: RegisterTable
        public let address: Int

        public init(table: RegisterTable, address: Int) {
            self.table = table
            self.address = address
        }

        public static func < (left: Self, right: Self) -> Bool {
            (left.table.rawValue, left.address) < (right.table.rawValue, right.address)
        }
    }

    /// No read may reach from before such a place to it.
    public private(set) var barriers: Set<Place> = []
    /// Registers that begin here are not there.
    public private(set) var missing: Set<Place> = []

    public init() {}

    public var isEmpty: Bool { barriers.isEmpty && missing.isEmpty }

    /// Takes the refusal of a read (exception 2, illegal data address). The gaps in it are suspected first,
    /// then every joint, and of a single register that it is not there.
    /// - Parameters:
    ///   - wanted: what the read was to fetch, and perhaps more.
    ///   - needed: registers that are asked on, whatever the device says: what is billed.
    /// - Returns: whether anything is new.
    public mutating func learn(
        refusalOf request: ReadRequest, wanted: [RegisterDefinition], needed: Set<Channel>
    ) -> Bool {
        let range = Int(request.address)..<(Int(request.address) + request.count)
        let inside = wanted.filter { $0.table == request.table && range.contains(Int($0.address)) }
            .sorted { $0.address < $1.address }
        guard inside.count > 1 else {
            guard let single = inside.first, !needed.contains(single.channel) else { return false }
            return missing.insert(place(of: single)).inserted
        }
        let joints = zip(inside, inside.dropFirst())
        let gaps = joints.filter { Int($0.address) + $0.encoding.registerCount < Int($1.address) }
            .map { place(of: $1) }.filter { !barriers.contains($0) }
        let before = barriers.count
        barriers.formUnion(gaps.isEmpty ? joints.map { place(of: $1) } : gaps)
        return barriers.count > before
    }

    private func place(of register: RegisterDefinition) -> Place {
        Place(table: register.table, address: Int(register.address))
    }
}

extension LearnedHoles {
    /// One word a place, `B` for a barrier, `M` for what is missing: `B4:72 M4:342`.
    public var text: String {
        let words = barriers.sorted().map { "B\($0.table.rawValue):\($0.address)" }
        return (words + missing.sorted().map { "M\($0.table.rawValue):\($0.address)" }).joined(separator: " ")
    }

    /// The inverse of `text`. Words that are none are left out: what is not known is learned again.
    public init(text: String) {
        for word in text.split(separator: " ").prefix(1000) {
            let parts = word.dropFirst().split(separator: ":")
            guard parts.count == 2, let number = UInt8(parts[0]), let table = RegisterTable(rawValue: number),
                let address = UInt16(parts[1])
            else { continue }
            let place = Place(table: table, address: Int(address))
            if word.first == "B" { barriers.insert(place) }
            if word.first == "M" { missing.insert(place) }
        }
    }
}
