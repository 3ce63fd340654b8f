private import CLinux
private import Glibc
public import Metering

/// What the kernel says of the source that disciplines the wall clock (NTP, GPS).
public struct TimeSource: Hashable, Sendable {
    public let isSynchronised: Bool
    /// The largest error that the source admits; nil where nothing is known.
    public let largestError: Duration?

    /// Where nobody says anything.
    public static let unknown = TimeSource(isSynchronised: false, largestError: nil)

    public init(isSynchronised: Bool, largestError: Duration?) {
        self.isSynchronised = isSynchronised
        self.largestError = largestError
    }

    /// Asks the kernel (adjtimex(2)). Nil where that is not allowed: a sandbox that keeps a program from
    /// setting the clock keeps it from asking too.
    public static func ofTheKernel() -> TimeSource? {
        var microseconds: Int64 = 0
        let answer = clinux_clock_is_synchronised(&microseconds)
        guard answer >= 0 else { return nil }
        return TimeSource(isSynchronised: answer == 1, largestError: .microseconds(microseconds))
    }
}

/// A line in a file by which a program that may ask the kernel tells one that may not: the moment on
/// CLOCK_BOOTTIME in nanoseconds, 1 or 0 for synchronised, the largest error in microseconds.
public struct TimeSourceNote: Hashable, Sendable {
    public let source: TimeSource
    public let at: MonotonicTime

    /// Between two notes.
    public static let interval: Duration = .seconds(2)
    /// An older note says nothing: who wrote it is gone.
    public static let longestAge: Duration = .seconds(10)

    public init(_ source: TimeSource, at: MonotonicTime) {
        self.source = source
        self.at = at
    }

    public var line: String {
        "\(at.nanoseconds) \(source.isSynchronised ? 1 : 0) \(source.largestError?.wholeMicroseconds ?? 0)\n"
    }

    /// Nil for anything but a whole line.
    public init?(line: String) {
        guard line.last == "\n" else { return nil }
        let words = line.dropLast().split(separator: " ", omittingEmptySubsequences: false).map { Int64($0) }
        guard words.count == 3, let nanoseconds = words[0], let flag = words[1], let error = words[2],
            flag == 0 || flag == 1, error >= 0
        else { return nil }
        self.init(
            TimeSource(isSynchronised: flag == 1, largestError: .microseconds(error)),
            at: MonotonicTime(nanoseconds: nanoseconds))
    }

    /// What the note says at a moment of the same boot; nil once it is too old.
    public func source(at now: MonotonicTime) -> TimeSource? {
        (.zero...Self.longestAge).contains(now - at) ? source : nil
    }

    /// Reads the note at a path; nil where there is none.
    public static func read(_ path: String) -> TimeSourceNote? {
        SmallFile.read(path).flatMap { TimeSourceNote(line: $0) }
    }

    /// Puts the note in the place of the one before; a reader sees one or the other. Not synced: it lives in
    /// memory and is worth nothing after a power cut.
    /// - Returns: nil when it is there, otherwise why not.
    public func write(to path: String) -> String? {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        let bytes = Array(line.utf8)
        let count = Glibc.write(descriptor, bytes, bytes.count)
        let reason = count == bytes.count ? nil : String(cString: strerror(errno))
        close(descriptor)
        if let reason { return reason }
        return rename(temporary, path) == 0 ? nil : String(cString: strerror(errno))
    }
}

/// The clock that goes on while the box is off: the first RTC of sysfs (Documentation/ABI/testing/rtc-cdev,
/// sysfs-class-rtc), which counts seconds.
public struct HardwareClock: Hashable, Sendable {
    /// What it shows; nil where it cannot be read, or has lost its time.
    public let wall: WallTime?
    /// Whether the kernel took the time from it at boot.
    public let setTheClock: Bool

    public init(wall: WallTime?, setTheClock: Bool) {
        self.wall = wall
        self.setTheClock = setTheClock
    }

    /// Nil on a box without one.
    public static func read(folder: String = "/sys/class/rtc/rtc0") -> HardwareClock? {
        guard access(folder, F_OK) == 0 else { return nil }
        let seconds = SmallFile.read(folder + "/since_epoch").flatMap { Int64($0.prefix { $0 != "\n" }) }
        let flag = SmallFile.read(folder + "/hctosys")?.prefix { $0 != "\n" }
        return HardwareClock(
            wall: seconds.map { WallTime(millisecondsSince1970: $0 * 1000) }, setTheClock: flag == "1")
    }
}

/// Files of a line or two.
enum SmallFile {
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
