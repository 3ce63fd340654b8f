import ConfigurationReader
import Foundation
import MeterProfiles
import MeterSimulation
import Testing

/// A folder with a simulator in it, gone with the bench.
private final class Bench: Sendable {
    let folder: String
    let host: SimulatorHost
    var link: String { "\(folder)/bus1" }
    var socket: String { "\(folder)/control" }

    init(format: String = "8N1") throws {
        folder = try Self.makeFolder()
        host = try SimulatorHost(
            plan: try Self.plan(link: "\(folder)/bus1", format: format), profiles: try profiles(),
            writeLogPath: "\(folder)/writes")
    }

    deinit {
        host.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    static func makeFolder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "metersim-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.path
    }

    static func plan(link: String, format: String = "8N1") throws -> WorldPlan {
        try WorldPlan(
            file: "world.yaml",
            text: """
                buses:
                  - name: bus1
                    link: \(link)
                    baud: 1200
                    format: \(format)
                    turnaround_us: [5000, 5000]
                    devices:
                      - { name: M-1, unit: 1, profile: acrel-ddsy1352-block, energy_wh: 5000 }
                """)
    }

    /// Writes a request to the port and reads what comes back; gives up after ten seconds.
    func ask(_ request: String, answerLength: Int) throws -> [UInt8] {
        let port = open(link, O_RDWR | O_NOCTTY)
        try #require(port >= 0)
        defer { close(port) }
        let frame = ServerFrame.seal(hexadecimal(request))
        try #require(write(port, frame, frame.count) == frame.count)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256)
        while answer.count < answerLength {
            var wanted = pollfd(fd: port, events: Int16(POLLIN), revents: 0)
            guard poll(&wanted, 1, 10_000) > 0 else { break }
            let count = read(port, &buffer, buffer.count)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return answer
    }
}

@Suite("A simulator on its pseudo terminals")
struct SimulatorHostTests {
    @Test("a request through the port is answered, no sooner than the line can carry it")
    func pace() throws {
        let bench = try Bench()
        let started = ContinuousClock.now
        let answer = try bench.ask("01 03 02 15 00 02", answerLength: 9)
        let took = ContinuousClock.now - started
        #expect(answer == ServerFrame.seal(hexadecimal("01 03 04 00 00 01 F4")))
        // 8 + 9 characters of 10 bits at 1200 baud, and 5 ms of turnaround.
        #expect(took >= .microseconds(17 * 10 * 1_000_000 / 1200 + 5000))
    }

    @Test("a write is logged, with what it moved")
    func writeLog() throws {
        let bench = try Bench()
        let answer = try bench.ask("01 10 00 57 00 02 04 00 01 00 01", answerLength: 8)
        #expect(answer == ServerFrame.seal(hexadecimal("01 10 00 57 00 02")))
        let log = try String(contentsOfFile: "\(bench.folder)/writes", encoding: .utf8)
        #expect(log.split(separator: "\n").count == 1)
        #expect(log.contains("\"unit\":1,\"device\":\"M-1\",\"function\":16,\"address\":87,\"values\":[1, 1]"))
        #expect(log.contains("\"point\":1,\"closed\":false"))
    }

    @Test("a request on the heels of an answer is counted")
    func early() throws {
        let bench = try Bench()
        // A busy machine may keep the heels apart now and then.
        for _ in 0..<20 where bench.host.lineStatistics[0].earlyRequests == 0 {
            _ = try bench.ask("01 03 02 15 00 02", answerLength: 9)
        }
        #expect(bench.host.lineStatistics[0].earlyRequests >= 1)
        #expect(bench.host.lineStatistics[0].unreadableRequests == 0)
    }

    @Test("a line with parity can be opened again after a program that was killed")
    func parity() throws {
        let bench = try Bench(format: "8E1")
        func setFormat(_ port: Int32) -> Bool {
            // As libmodbus does it: nothing of what was set before is kept.
            var settings = termios()
            cfsetispeed(&settings, speed_t(B1200))
            cfsetospeed(&settings, speed_t(B1200))
            settings.c_cflag |= tcflag_t(CREAD | CLOCAL | CS8 | PARENB)
            settings.c_iflag |= tcflag_t(INPCK)
            return tcsetattr(port, TCSANOW, &settings) == 0
        }
        for _ in 0..<3 {
            let port = open(bench.link, O_RDWR | O_NOCTTY)
            try #require(port >= 0)
            defer { close(port) }
            var triesLeft = 200
            var wanted = pollfd(fd: port, events: Int16(POLLIN), revents: 0)
            while !setFormat(port), triesLeft > 0 {
                triesLeft -= 1
                poll(&wanted, 1, 50)
            }
            #expect(triesLeft > 0)
        }
    }

    @Test("a stop removes the link; what is no link is never replaced")
    func links() throws {
        let bench = try Bench()
        #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: bench.link)) != nil)
        bench.host.stop()
        #expect(!FileManager.default.fileExists(atPath: bench.link))
        try "mine".write(toFile: bench.link, atomically: false, encoding: .utf8)
        #expect {
            _ = try SimulatorHost(plan: try Bench.plan(link: bench.link), profiles: try profiles())
        } throws: {
            "\($0)" == "\(bench.link) is there already and no link; choose another 'link'"
        }
        #expect(try String(contentsOfFile: bench.link, encoding: .utf8) == "mine")
    }

    @Test("the control channel changes the world and says why it does not")
    func control() throws {
        let bench = try Bench()
        let server = try ControlServer(path: bench.socket, host: bench.host) {}
        defer { server.stop() }
        func say(_ line: String) throws -> String { try ControlServer.send(line, to: bench.socket) }
        #expect(try say("set M-1 appliance kettle on") == "{\"ok\":true}")
        #expect(bench.host.withWorld { $0.device("M-1")?.activePowerMilliwatts } == 1_800_000)
        #expect(try say("set M-1 load 200") == "{\"ok\":true}")
        #expect(try say("meter M-1").contains("\"active_power_mw\":2000000,\"supplied\":true,\"wh_since_cut\":null"))
        #expect(try say("fault M-1 exception on") == "{\"ok\":true}")
        #expect(try bench.ask("01 03 02 15 00 02", answerLength: 5) == ServerFrame.seal(hexadecimal("01 83 04")))
        #expect(try say("stats") == "[{\"requests\":1,\"early\":0,\"unreadable\":0}]")
        #expect(try say("set M-9 load 1") == "{\"error\":\"no device 'M-9'\"}")
        #expect(try say("set M-1 appliance sauna on").contains("'sauna on' is no appliance"))
        #expect(try say("dance") == "{\"error\":\"unknown: dance; see metersim --help\"}")
    }

    @Test("a control channel takes no one else's place")
    func controlPlace() throws {
        let bench = try Bench()
        let server = try ControlServer(path: bench.socket, host: bench.host) {}
        defer { server.stop() }
        #expect(throws: SimulatorError.self) { _ = try ControlServer(path: bench.socket, host: bench.host) {} }
        #expect(try ControlServer.send("writes", to: bench.socket) == "[]")
        try "mine".write(toFile: "\(bench.folder)/file", atomically: false, encoding: .utf8)
        #expect(throws: SimulatorError.self) {
            _ = try ControlServer(path: "\(bench.folder)/file", host: bench.host) {}
        }
        #expect(try String(contentsOfFile: "\(bench.folder)/file", encoding: .utf8) == "mine")
    }
}
