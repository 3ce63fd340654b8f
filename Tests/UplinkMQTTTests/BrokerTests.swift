import Foundation
import FreePort
import Glibc
import ReferencePlatform
import Testing
import UplinkMQTT

/// A real Mosquitto on a free port of the loopback, with TLS and client certificates.
final class Mosquitto {
    let port: Int
    let folder: String
    private let process = Process()

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "mqtt-\(UUID().uuidString.prefix(8))").path
        try CertificateMaker.make(in: folder, gateways: ["G-1", "office"])
        port = try FreePort.find()
        try """
        listener \(port) 127.0.0.1
        cafile \(folder)/ca.pem
        certfile \(folder)/platform.pem
        keyfile \(folder)/platform.key
        require_certificate true
        use_identity_as_username true
        allow_anonymous false
        persistence false
        user root
        """.write(toFile: "\(folder)/mosquitto.conf", atomically: true, encoding: .utf8)
        try start()
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func start() throws {
        process.executableURL = URL(filePath: "/usr/sbin/mosquitto")
        process.arguments = ["-c", "\(folder)/mosquitto.conf"]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
    }

    func address(as name: String, version: BrokerAddress.Version) -> BrokerAddress {
        BrokerAddress(
            host: "localhost", port: port,
            tls: .init(
                authorityPath: "\(folder)/ca.pem", certificatePath: "\(folder)/\(name).pem",
                keyPath: "\(folder)/\(name).key", allowsTLS12: false),
            version: version)
    }
}

@Suite("A real broker", .serialized, .timeLimit(.minutes(5)))
struct BrokerTests {
    @Test("what is delivered is acknowledged, in 3.1.1 and in 5", arguments: BrokerAddress.Version.allCases)
    func delivers(version: BrokerAddress.Version) async throws {
        let broker = try Mosquitto()
        // The gateway listens on its own topic of commands; the office publishes there.
        let gateway = try BrokerClient(address: broker.address(as: "G-1", version: version), gateway: "G-1")
        let office = try BrokerClient(address: broker.address(as: "office", version: version), gateway: "office")
        gateway.start()
        office.start()
        // Both are there when each has said something: what an absent gateway would miss is sent after that.
        for await event in gateway.events where event == .connected { break }
        #expect(await gateway.deliver([BrokerMessage(topic: "meterkeep/G-1/state", bytes: [1])]))
        let topics = BrokerTopics(prefix: "meterkeep", gateway: "G-1")
        let commands = (1...20).map { BrokerMessage(topic: topics.commands, bytes: Array("{\"n\":\($0)}".utf8)) }
        #expect(await office.deliver(commands))
        var received: [BrokerEvent] = []
        for await event in gateway.events {
            received.append(event)
            if received.count == commands.count { break }
        }
        #expect(received == commands.map { .command($0.bytes) })
        #expect(await gateway.deliver([BrokerMessage(topic: topics.telemetry, bytes: Array("{}".utf8))]))
        gateway.stop()
        office.stop()
    }

    @Test("without a connection a delivery waits; it goes out with the first one")
    func waits() async throws {
        let broker = try Mosquitto()
        let gateway = try BrokerClient(address: broker.address(as: "G-1", version: .v311), gateway: "G-1")
        async let isDelivered = gateway.deliver([BrokerMessage(topic: "a/b", bytes: [1])])
        gateway.start()
        #expect(await isDelivered)
        gateway.stop()
    }

    @Test("a delivery that is under way when the client stops is not delivered")
    func stops() async throws {
        let address = BrokerAddress(host: "localhost", port: 1, tls: nil)
        let gateway = try BrokerClient(address: address, gateway: "G-1")
        gateway.start()
        async let isDelivered = gateway.deliver([BrokerMessage(topic: "a/b", bytes: [1])])
        gateway.stop()
        #expect(await !isDelivered)
    }

    @Test("what is wrong with the files is said before anything is connected")
    func files() throws {
        let tls = BrokerAddress.TLS(
            authorityPath: "/nowhere/ca.pem", certificatePath: nil, keyPath: nil, allowsTLS12: false)
        #expect(throws: BrokerSetupError.self) {
            try BrokerClient(address: BrokerAddress(host: "localhost", port: 1, tls: tls), gateway: "G-1")
        }
    }
}
