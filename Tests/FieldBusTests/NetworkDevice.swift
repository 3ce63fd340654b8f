import FieldBus
import Foundation
import Glibc
import MeterProfiles
import MeterSimulation
import Synchronization

/// A converter or gateway on the loopback that answers every read with ones, and says of unit 99 that nobody
/// is there. It takes one client after another.
final class NetworkDevice: Sendable {
    let port: UInt16
    private let listener: Int32
    private let client = Mutex<Int32>(-1)
    private let framing: PortAddress.Framing

    struct NoSocket: Error {}

    init(_ framing: PortAddress.Framing) throws {
        self.framing = framing
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 4) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw NoSocket() }
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in serve() }.start()
    }

    var address: String { "tcp://127.0.0.1:\(port)?framing=\(framing.rawValue)" }

    /// Ends the connection, as a converter does that starts again.
    func drop() { client.withLock { if $0 >= 0 { shutdown($0, Int32(SHUT_RDWR)) } } }

    func end() {
        drop()
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func serve() {
        while case let next = accept(listener, nil, nil), next >= 0 {
            client.withLock { $0 = next }
            var buffer = [UInt8](repeating: 0, count: 300)
            while case let count = recv(next, &buffer, buffer.count, 0), count > 0 {
                let answer = answer(to: Array(buffer[..<count]))
                // In two pieces, as networks do.
                Glibc.send(next, answer, 3, Int32(MSG_NOSIGNAL))
                Glibc.send(next, Array(answer[3...]), answer.count - 3, Int32(MSG_NOSIGNAL))
            }
            client.withLock { $0 = -1 }
            close(next)
        }
        close(listener)
    }

    private func answer(to request: [UInt8]) -> [UInt8] {
        let head = framing == .tcp ? Array(request.prefix(4)) : []
        let frame = framing == .tcp ? Array(request.dropFirst(6)) : request
        if frame[0] == 99 {
            let sealed = ServerFrame.exception(unit: 99, function: frame[1], code: 11)
            return framing == .tcp ? head + [0, UInt8(sealed.count - 2)] + sealed.dropLast(2) : sealed
        }
        let words = Array(repeating: UInt16(1), count: Int(frame[5]))
        let sealed = ServerFrame.answer(unit: frame[0], table: .input, words: words)
        return framing == .tcp ? head + [0, UInt8(sealed.count - 2)] + sealed.dropLast(2) : sealed
    }
}
