public import MeterProfiles
private import Metering

/// Where a scan looks.
public struct ScanRange: Hashable, Sendable {
    /// Rates and character formats, in the order in which they are tried; none twice.
    public let formats: [SerialFormat]
    /// Addresses, each 1 ... 247, in the order in which they are asked; none twice.
    public let units: [UInt8]
    /// How long the start of an answer is waited for.
    public let timeout: Duration
    /// Every address is asked in three ways and twice: for devices that do not answer what they do not
    /// know, and for poor cables. Six times as long.
    public let isThorough: Bool

    public static let shortestTimeout: Duration = .milliseconds(20)
    public static let usualTimeout: Duration = .milliseconds(150)
    public static let longestTimeout: Duration = .seconds(2)

    /// - Parameter units: those outside 1 ... 247 are left out.
    public init(
        formats: [SerialFormat], units: some Sequence<UInt8> = 1...247, timeout: Duration = Self.usualTimeout,
        isThorough: Bool = false
    ) {
        self.formats = Self.unique(formats)
        self.units = Self.unique(units.filter { (1...247).contains($0) })
        self.timeout = min(max(timeout, Self.shortestTimeout), Self.longestTimeout)
        self.isThorough = isThorough
    }

    /// The formats worth trying on a bus: its own, then those that the known models are usually set to,
    /// then the other usual ones, fast rates first.
    public static func usualFormats(of bus: SerialFormat, profiles: [MeterProfile]) -> [SerialFormat] {
        let usual = [9600, 2400, 4800, 19200, 1200, 38400, 115_200].flatMap { baud in
            [SerialFormat.Parity.none, .even].map { SerialFormat(baud: baud, parity: $0, stopBits: 1) }
        }
        return unique([bus] + profiles.map(\.serial).sorted { $0.baud > $1.baud } + usual)
    }

    /// What each address is asked to see whether anybody is there: any answer will do, an exception too.
    public var presenceReads: [ReadRequest] {
        let tables: [RegisterTable] = isThorough ? [.holding, .input, .coil] : [.holding]
        let reads = tables.compactMap { ReadRequest(table: $0, address: 0, count: 1) }
        return isThorough ? reads + reads : reads
    }

    /// How long it takes on a free line where nobody answers.
    public var longestDuration: Duration {
        formats.reduce(.zero) { $0 + silentAddressCost($1) * units.count }
    }

    /// What an address costs at which nobody is.
    public func silentAddressCost(_ serial: SerialFormat) -> Duration {
        presenceReads.reduce(.zero) { $0 + serial.duration(ofCharacters: Double($1.characters.request)) }
            + (timeout + serial.interFrameSilence) * presenceReads.count
    }

    private static func unique<Element: Hashable>(_ elements: some Sequence<Element>) -> [Element] {
        var seen: Set<Element> = []
        return elements.filter { seen.insert($0).inserted }
    }
}
