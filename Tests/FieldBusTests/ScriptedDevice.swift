import CLinux
import Foundation
import Synchronization

/// The other end of a real pseudo terminal, which answers request after request by a script.
final class ScriptedDevice: Sendable {
    let path: String
    private let master: Int32
    private let slave: Int32
    private let script: Mutex<[[UInt8]]>
    private let heard = Mutex<[[UInt8]]>([])
    private let (news, newsContinuation) = AsyncStream.makeStream(of: Void.self)
    private let isOver = Atomic(false)

    struct NoTerminal: Error {}

    /// - Parameter answers: what is sent back for each request in turn, CRC included; nothing after the last.
    init(answers: [[UInt8]]) throws {
        var path = [CChar](repeating: 0, count: 128)
        var slave: Int32 = -1
        master = clinux_open_pty(&path, UInt(path.count), &slave)
        guard master >= 0 else { throw NoTerminal() }
        self.slave = slave
        self.path = path.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        script = Mutex(answers)
        Thread { [self] in serve() }.start()
    }

    /// The requests so far, without their CRC.
    var requests: [[UInt8]] { heard.withLock { $0 } }

    /// The same, once there are so many: a request that was given up may not have been heard yet.
    func requests(_ count: Int) async -> [[UInt8]] {
        while requests.count < count { for await _ in news { break } }
        return requests
    }

    /// Puts bytes on the line unasked, and returns once they can be read at the other end.
    func say(_ bytes: [UInt8]) {
        _ = Glibc.write(master, bytes, bytes.count)
        _ = clinux_wait_for_input(slave, 5_000_000_000)
    }

    func end() { isOver.store(true, ordering: .relaxed) }

    private func serve() {
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while !isOver.load(ordering: .relaxed) {
            guard clinux_wait_for_input(master, 20_000_000) > 0 else { continue }
            let count = Glibc.read(master, &buffer, buffer.count)
            guard count > 0 else { break }
            request += buffer[..<count]
            // On a busy machine two may come at once.
            while request.count >= 8 {
                let length = request[1] == 0x10 ? 9 + Int(request[6]) : 8
                guard request.count >= length else { break }
                answer(Array(request.prefix(length - 2)))
                request.removeFirst(length)
            }
        }
        close(master)
        close(slave)
    }

    private func answer(_ request: [UInt8]) {
        heard.withLock { $0.append(request) }
        newsContinuation.yield()
        let answer = script.withLock { $0.isEmpty ? [] : $0.removeFirst() }
        if !answer.isEmpty { _ = Glibc.write(master, answer, answer.count) }
    }
}
