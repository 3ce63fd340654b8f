private import Foundation
private import Glibc
private import Synchronization

/// The control channel: a unix-domain socket that takes a line and answers with a line.
public final class ControlServer: Sendable {
    private let path: String
    private let listener: Int32
    private let isStopped = Atomic(false)

    /// - Parameter onStop: called when someone sends `stop`.
    public init(path: String, host: SimulatorHost, onStop: @escaping @Sendable () -> Void) throws {
        self.path = path
        try UnixSocket.clearPlace(path)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0, UnixSocket.withAddress(path, { bind(listener, $0, $1) }) == 0, listen(listener, 8) == 0
        else {
            throw SimulatorError(
                description: "\(path) cannot be opened: \(String(cString: strerror(errno))); choose another --control")
        }
        let thread = Thread { [self] in serve(host, onStop) }
        thread.name = "control"
        thread.start()
    }

    public func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        unlink(path)
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ host: SimulatorHost, _ onStop: @Sendable () -> Void) {
        while !isStopped.load(ordering: .relaxed) {
            let client = accept(listener, nil, nil)
            guard client >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                return
            }
            UnixSocket.limitPatience(client)
            if let line = UnixSocket.readLine(client) {
                switch ControlLanguage.perform(line, on: host) {
                case .answer(let text): UnixSocket.write(text + "\n", to: client)
                case .stop:
                    UnixSocket.write("{\"ok\":true}\n", to: client)
                    onStop()
                }
            }
            close(client)
        }
    }

    /// Sends one line to a running simulator.
    /// - Returns: its answer.
    public static func send(_ line: String, to path: String) throws -> String {
        let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(client) }
        guard client >= 0, UnixSocket.withAddress(path, { connect(client, $0, $1) }) == 0 else {
            throw SimulatorError(description: "no simulator listens at \(path); start metersim with --control \(path)")
        }
        UnixSocket.write(line + "\n", to: client)
        guard let answer = UnixSocket.readLine(client) else {
            throw SimulatorError(description: "the simulator at \(path) did not answer; try again")
        }
        return answer
    }
}

/// The few calls a line-wise unix-domain socket needs.
private enum UnixSocket {
    /// More than this in one line is refused.
    static let longestLine = 4 * 1024 * 1024

    static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return -1
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// Removes the socket that a simulator left behind; whatever else stands there stays.
    static func clearPlace(_ path: String) throws(SimulatorError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw SimulatorError(description: "\(path) is there already and no socket; choose another --control")
        }
        let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(client) }
        guard client < 0 || withAddress(path, { connect(client, $0, $1) }) != 0 else {
            throw SimulatorError(
                description: "a simulator listens at \(path) already; stop it or choose another --control")
        }
        unlink(path)
    }

    /// A client that says nothing must not keep the others waiting.
    static func limitPatience(_ client: Int32) {
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    static func readLine(_ descriptor: Int32) -> String? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < longestLine {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
            if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                return String(decoding: bytes[..<end], as: UTF8.self)
            }
        }
        return nil
    }

    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
