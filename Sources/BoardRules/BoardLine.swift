/// One GPIO line of the box, as the configuration names it.
public struct BoardLine: Hashable, Sendable, CustomStringConvertible {
    /// By its name (`gpioinfo` shows it), or `gpiochip0:17`: the chip and the offset of a line without one.
    public let name: String
    /// The line is active where its voltage is low.
    public let isActiveLow: Bool

    public init(name: String, isActiveLow: Bool = false) {
        self.name = name
        self.isActiveLow = isActiveLow
    }

    /// The chip and the offset where the name says them; nil for a line that goes by a name of its own.
    public var chipAndOffset: (chip: String, offset: UInt32)? {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].hasPrefix("gpiochip"), let offset = UInt32(parts[1]) else { return nil }
        return (String(parts[0]), offset)
    }

    public var description: String { name }
}
