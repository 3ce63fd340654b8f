import Board
import Foundation
import Glibc
import Metering
import Testing

/// A datagram socket in place of systemd's.
final class NotifySocket {
    let path: String
    private let descriptor: Int32

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "notify-\(UUID().uuidString.prefix(8))").path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count + 1)
        let outcome = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(outcome == 0)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    func receive() -> String {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

@Suite("Telling systemd")
struct ServiceNotifierTests {
    @Test("messages are those of sd_notify(3), one line of status each")
    func messages() throws {
        let socket = try NotifySocket()
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "30000000"])
        #expect(notifier.watchdogInterval == .seconds(15))
        notifier.ready(status: "2 buses\n12 meters")
        #expect(socket.receive() == "READY=1\nSTATUS=2 buses 12 meters")
        notifier.watchdog()
        #expect(socket.receive() == "WATCHDOG=1")
        notifier.reloading(status: "reading")
        #expect(
            socket.receive().wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\nSTATUS=reading/) != nil)
        notifier.stopping(status: "done")
        #expect(socket.receive() == "STOPPING=1\nSTATUS=done")
    }

    @Test("an entry of the journal is fields by name; what has more lines than one comes with its length")
    func journal() throws {
        let socket = try NotifySocket()
        let journal = JournalSocket(path: socket.path)
        #expect(journal.send([("MESSAGE", "a port is gone"), (JournalSocket.fieldName("bus"), "bus1")]))
        #expect(socket.receive() == "MESSAGE=a port is gone\nMETERKEEP_BUS=bus1\n")
        #expect(journal.send([("MESSAGE", "two\nlines")]))
        #expect(socket.receive() == "MESSAGE\n\u{9}\0\0\0\0\0\0\0two\nlines\n")
        #expect(JournalSocket.fieldName("moved-to.Ä") == "METERKEEP_MOVED_TO__")
        #expect(!JournalSocket(path: "/nowhere").send([("MESSAGE", "lost")]))
        #expect(!JournalSocket.isStandardError(environment: [:]))
        #expect(!JournalSocket.isStandardError(environment: ["JOURNAL_STREAM": "1:1"]))
    }

    @Test("a watchdog for another process is not ours")
    func otherProcess() {
        let notifier = ServiceNotifier(environment: ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"])
        #expect(notifier.watchdogInterval == nil)
    }

    @Test("the clock names this boot and goes forward")
    func clock() throws {
        let clock = try SystemClock()
        let earlier = clock.monotonicNow()
        #expect(clock.monotonicNow() >= earlier)
        #expect(clock.boot.rawValue.count == 36)
    }
}
