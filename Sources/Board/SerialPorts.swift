private import Glibc

/// A serial port of this machine.
public struct SerialPort: Hashable, Sendable {
    /// The name that stays the same when the box restarts or adapters are plugged in another order.
    public let name: String
    /// What it leads to now: `/dev/ttyUSB0`.
    public let device: String
    /// What the adapter says it is, from its link under `serial/by-id`; nil for a UART of the board.
    public let maker: String?
    /// Another adapter in this socket gets the same name, another socket a new one.
    public let isBySocket: Bool
}

/// Finds the serial ports of this machine.
public enum SerialPorts {
    /// UARTs of boards; of PCs (`ttyS`) only those that the kernel says are there.
    private static let uarts = [
        "ttyAMA", "ttySC", "ttyS", "ttymxc", "ttyO", "ttySTM", "ttyPS", "ttyHS", "ttyUSB", "ttyACM",
    ]

    /// - Parameters:
    ///   - devices: `/dev`, or what stands for it.
    ///   - classes: `/sys/class/tty`, or what stands for it.
    /// - Returns: in the order of their names; each device once, by its socket where udev knows it.
    public static func found(devices: String = "/dev", classes: String = "/sys/class/tty") -> [SerialPort] {
        let byPath = links(in: "\(devices)/serial/by-path", under: devices)
        let byID = links(in: "\(devices)/serial/by-id", under: devices)
        let plain = entries(of: devices).filter { isPort($0, classes: classes) }.map { "\(devices)/\($0)" }
        let all = Set(plain).union(byPath.keys).union(byID.keys)
        return all.map { device in
            let maker = byID[device]?.split(separator: "/").last.map(String.init)
            return SerialPort(
                name: byPath[device] ?? byID[device] ?? device, device: device, maker: maker,
                isBySocket: byPath[device] != nil)
        }
        .sorted { $0.name < $1.name }
    }

    private static func isPort(_ name: String, classes: String) -> Bool {
        guard
            let kind = uarts.first(where: { kind in
                name.hasPrefix(kind) && name.count > kind.count && name.dropFirst(kind.count).allSatisfy(\.isNumber)
            })
        else { return false }
        // The 8250 driver makes names for ports that are not there; their type is 0 (serial_core.h, PORT_UNKNOWN).
        return kind != "ttyS" || firstLine(of: "\(classes)/\(name)/type") != "0"
    }

    /// The first link to each device.
    private static func links(in folder: String, under devices: String) -> [String: String] {
        var links: [String: String] = [:]
        for name in entries(of: folder).sorted() {
            guard let target = realpath("\(folder)/\(name)", nil) else { continue }
            let device = String(cString: target)
            free(target)
            // Newer udev makes a second link with the version of USB in it; the first, shorter one sorts first.
            if links[device] == nil { links[device] = "\(folder)/\(name)" }
        }
        return links
    }

    private static func entries(of folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func firstLine(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
