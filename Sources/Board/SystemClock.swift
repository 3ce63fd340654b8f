private import Glibc
public import Metering

/// The clocks of this machine.
public struct SystemClock: Sendable {
    public let boot: BootID

    /// Reads the boot id; throws where /proc is not mounted.
    public init() throws(BoardError) {
        let text = SmallFile.read("/proc/sys/kernel/random/boot_id").map { String($0.prefix { $0 != "\n" }) }
        guard let text, !text.isEmpty else {
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

    /// What disciplines the wall clock now: as the kernel says, or as a note of `meterkeep clock-watch` says where
    /// the kernel may not be asked.
    public func timeSource(noted path: String = Self.notePath) -> TimeSource {
        if let source = TimeSource.ofTheKernel() { return source }
        return TimeSourceNote.read(path)?.source(at: monotonicNow()) ?? .unknown
    }

    /// Where `meterkeep clock-watch` leaves its note.
    public static let notePath = "/run/meterkeep-clock/state"

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
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
