private import CLinux
private import Glibc
public import Metering

/// The clocks of this machine.
public struct SystemClock: Sendable {
    public let boot: BootID

    /// Reads the boot id; throws where /proc is not mounted.
    public init() throws(BoardError) {
        guard let text = Self.firstLine(of: "/proc/sys/kernel/random/boot_id"), !text.isEmpty else {
            throw .unreadable(
                path: "/proc/sys/kernel/random/boot_id", remedy: "mount /proc before starting the daemon")
        }
        boot = BootID(rawValue: text)
    }

    /// CLOCK_BOOTTIME: goes on while the machine is suspended, never jumps.
    public func monotonicNow() -> MonotonicTime {
        MonotonicTime(nanoseconds: Self.nanoseconds(CLOCK_BOOTTIME))
    }

    /// CLOCK_REALTIME.
    public func wallNow() -> WallTime {
        WallTime(millisecondsSince1970: Self.nanoseconds(CLOCK_REALTIME) / 1_000_000)
    }

    /// Sets the wall clock (clock_settime(2)); needs CAP_SYS_TIME.
    /// - Returns: nil when it is set, otherwise why not.
    public static func setWall(to wall: WallTime) -> String? {
        var time = timespec(
            tv_sec: Int(wall.millisecondsSince1970 / 1000), tv_nsec: Int(wall.millisecondsSince1970 % 1000) * 1_000_000)
        return clock_settime(CLOCK_REALTIME, &time) == 0 ? nil : String(cString: strerror(errno))
    }

    /// Whether a time source disciplines the wall clock now (adjtimex(2)); false where that is not known.
    public func isSynchronised() -> Bool { clinux_clock_is_synchronised() == 1 }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func firstLine(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}

/// What keeps the machine underneath from being used.
public enum BoardError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(path: String, remedy: String)

    public var description: String {
        switch self {
        case .unreadable(let path, let remedy): "\(path) cannot be read; \(remedy)"
        }
    }
}
