public import BoardRules
private import CGpiod
private import Glibc
public import Metering

/// What keeps a line of the box from being used.
public enum GPIOFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// No chip has a line of this name.
    case unknown(line: String)
    /// The name stands for itself as `chip:offset`, and the chip or the offset is not there.
    case absent(line: String)
    /// Another program holds it; its name where it says one.
    case held(line: String, by: String)
    case failed(line: String, reason: String)

    public var description: String {
        switch self {
        case .unknown(let line):
            "no GPIO line is called '\(line)'; gpioinfo shows the names, gpiochip0:17 names a line without one"
        case .absent(let line): "there is no GPIO line \(line); gpiodetect shows the chips and how many lines they have"
        case .held(let line, let holder):
            "the GPIO line \(line) is held by \(holder.isEmpty ? "another program" : "'\(holder)'"); "
                + "end it, or take its overlay out of the device tree"
        case .failed(let line, let reason):
            "the GPIO line \(line) cannot be used: \(reason); check the rights on /dev/gpiochip*"
        }
    }

    fileprivate static func failed(_ line: BoardLine, code: Int32 = errno) -> GPIOFault {
        .failed(line: line.name, reason: String(cString: strerror(code)))
    }
}

/// A line where it is on the chips.
struct GPIOPlace {
    fileprivate var place: cgpiod_place
    let line: BoardLine

    /// Finds the line.
    init(_ line: BoardLine) throws(GPIOFault) {
        self.line = line
        place = cgpiod_place()
        if let (chip, offset) = line.chipAndOffset {
            place.offset = offset
            withUnsafeMutableBytes(of: &place.chip) { $0.copyBytes(from: "/dev/\(chip)".utf8.prefix($0.count - 1)) }
            return
        }
        switch cgpiod_find(line.name, &place) {
        case 1: return
        case 0: throw .unknown(line: line.name)
        default: throw .failed(line)
        }
    }

    /// What is said of `code`, the errno of a call that failed.
    fileprivate func fault(_ code: Int32) -> GPIOFault {
        switch code {
        case ENOENT, ENODEV, EINVAL: .absent(line: line.name)
        case EBUSY: .held(line: line.name, by: holder)
        default: .failed(line, code: code)
        }
    }

    /// What the program that holds the line calls itself; empty where it does not say.
    private var holder: String {
        var place = place
        var holder = cgpiod_holder()
        guard cgpiod_find_holder(&place, &holder) == 0 else { return "" }
        return withUnsafeBytes(of: holder.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    fileprivate func take(as consumer: String) throws(GPIOFault) -> Int32 {
        var place = place
        let descriptor = cgpiod_take(&place, line.isActiveLow ? 1 : 0, consumer)
        if descriptor < 0 { throw fault(errno) }
        return descriptor
    }

    fileprivate func watch(as consumer: String) throws(GPIOFault) -> OpaquePointer {
        var place = place
        guard let input = cgpiod_watch(&place, line.isActiveLow ? 1 : 0, consumer) else { throw fault(errno) }
        return input
    }
}

/// A line that is driven. It is taken as it is; it changes when it is set, not before.
public final class GPIOOutput: Sendable {
    public let line: BoardLine
    /// Lives as long as this value; closing the last descriptor of a line lets the kernel have it back.
    public let descriptor: Int32

    /// - Parameter consumer: who holds the line, as `gpioinfo` shows it.
    public init(_ line: BoardLine, consumer: String) throws(GPIOFault) {
        self.line = line
        descriptor = try GPIOPlace(line).take(as: consumer)
    }

    /// Goes on with a line that an earlier run has taken.
    public init(_ line: BoardLine, takenOver descriptor: Int32) {
        self.line = line
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// The level at the line, whether it is driven or not.
    public func level() throws(GPIOFault) -> Bool {
        let level = cgpiod_level(descriptor)
        if level < 0 { throw .failed(line) }
        return level == 1
    }

    public func set(_ isActive: Bool) throws(GPIOFault) {
        guard cgpiod_drive(descriptor, line.isActiveLow ? 1 : 0, isActive ? 1 : 0) == 0 else { throw .failed(line) }
    }
}

/// A line that is watched. Not to be shared between threads.
public final class GPIOInput {
    public let line: BoardLine
    private let input: OpaquePointer

    public init(_ line: BoardLine, consumer: String) throws(GPIOFault) {
        self.line = line
        input = try GPIOPlace(line).watch(as: consumer)
    }

    deinit { cgpiod_input_release(input) }

    /// A new level and when the kernel noted it.
    public struct Edge: Hashable, Sendable {
        public let isActive: Bool
        public let at: MonotonicTime
    }

    public func level() throws(GPIOFault) -> Bool {
        let level = cgpiod_input_level(input)
        if level < 0 { throw .failed(line) }
        return level == 1
    }

    /// The edges that wait, in order; it does not wait for one.
    public func edges() throws(GPIOFault) -> [Edge] {
        var edges: [Edge] = []
        // More than the kernel keeps of a line is not there at once.
        while edges.count < Self.mostEdges, GPIOWaiting.isReadable(cgpiod_input_descriptor(input)) {
            var edge = cgpiod_edge()
            guard cgpiod_input_edge(input, &edge) == 0 else { throw .failed(line) }
            edges.append(
                Edge(
                    isActive: edge.is_active == 1,
                    at: MonotonicTime(nanoseconds: edge.at_nanoseconds.clampedAdding(GPIOWaiting.suspended()))))
        }
        return edges
    }

    private static let mostEdges = 64
}

/// What an input asks of the kernel beside the library.
private enum GPIOWaiting {
    static func isReadable(_ descriptor: Int32) -> Bool {
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waited, 1, 0) == 1 && waited.revents & Int16(POLLIN) != 0
    }

    /// What CLOCK_BOOTTIME, this program's clock, is ahead of CLOCK_MONOTONIC, the kernel's clock of edges.
    static func suspended() -> Int64 {
        var boot = timespec()
        var monotonic = timespec()
        clock_gettime(CLOCK_MONOTONIC, &monotonic)
        clock_gettime(CLOCK_BOOTTIME, &boot)
        let ahead = Int64(boot.tv_sec - monotonic.tv_sec) * 1_000_000_000 + Int64(boot.tv_nsec - monotonic.tv_nsec)
        // Two looks are some microseconds apart; without a suspend nothing is to be added.
        return ahead < 1_000_000 ? 0 : ahead
    }
}
