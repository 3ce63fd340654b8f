import Glibc
import Testing
import UplinkMQTT

@Suite("A real broker", .serialized, .timeLimit(.minutes(5)))
struct BrokerTests {
    private let topics = BrokerTopics(prefix: "meterkeep", gateway: "G-1")

    private func message(_ topic: String, _ text: String = "{}") -> BrokerMessage {
        BrokerMessage(topic: topic, bytes: Array(text.utf8))
    }

    @Test("what is delivered is acknowledged, in 3.1.1 and in 5", arguments: BrokerAddress.Version.allCases)
    func delivers(version: BrokerAddress.Version) async throws {
        let broker = try Mosquitto()
        // The gateway listens on its own topic of commands; the office publishes there.
        let gateway = try BrokerClient(address: broker.address(as: "G-1", version: version), gateway: "G-1")
        let office = try BrokerClient(address: broker.address(as: "office", version: version), gateway: "office")
        gateway.start()
        office.start()
        let connection = try #require(await gateway.nextConnection())
        let commands = (1...20).map { message(topics.commands, "{\"n\":\($0)}") }
        let sent = await office.deliver(commands, over: try #require(await office.nextConnection()))
        #expect(sent == BrokerReceipt(acknowledged: 20, problem: nil))
        var received: [[UInt8]] = []
        for await command in gateway.commands {
            received.append(command)
            if received.count == commands.count { break }
        }
        #expect(received == commands.map(\.bytes))
        // Many more than a broker takes at a time.
        let records = (1...500).map { message(topics.telemetry, "{\"n\":\($0)}") }
        let receipt = await gateway.deliver(records, over: connection)
        #expect(receipt == BrokerReceipt(acknowledged: 500, problem: nil))
        gateway.stop()
        office.stop()
    }

    @Test("what the broker may not take is refused with its reason in 5; 3.1.1 has no way to say it")
    func refuses() async throws {
        let access = "user G-1\ntopic read \(topics.commands)\ntopic write \(topics.telemetry)\n"
        let broker = try Mosquitto(access: access)
        let group = [message(topics.telemetry), message(topics.ledger), message(topics.telemetry)]
        for version in BrokerAddress.Version.allCases {
            let gateway = try BrokerClient(address: broker.address(as: "G-1", version: version), gateway: "G-1")
            gateway.start()
            let receipt = await gateway.deliver(group, over: try #require(await gateway.nextConnection()))
            let refusal = BrokerReceipt.Problem.refused(topic: topics.ledger, reason: "Not authorized (135)")
            #expect(
                receipt
                    == (version == .v5
                        ? BrokerReceipt(acknowledged: 1, problem: refusal)
                        : BrokerReceipt(acknowledged: 3, problem: nil)))
            gateway.stop()
        }
    }

    @Test(
        "where no commands may come, records go all the same, and the broker is asked again",
        arguments: BrokerAddress.Version.allCases)
    func subscription(version: BrokerAddress.Version) async throws {
        let security = """
            {"defaultACLAccess":{"publishClientSend":true,"publishClientReceive":true,"subscribe":false,"unsubscribe":true},
            "clients":[{"username":"G-1","roles":[]}]}
            """
        let broker = try Mosquitto(security: security)
        let gateway = try BrokerClient(
            address: broker.address(as: "G-1", version: version), gateway: "G-1", subscriptionPause: .milliseconds(50))
        gateway.start()
        var ups: [BrokerConnection] = []
        for await link in gateway.links {
            guard case .up(let connection, let refusal) = link else { continue }
            #expect(refusal == (version == .v5 ? "Not authorized (135)" : "Unspecified error (128)"))
            ups.append(connection)
            if ups.count == 3 { break }
        }
        #expect(Set(ups).count == 1)
        #expect(await gateway.deliver([message(topics.ledger)], over: ups[0]).problem == nil)
        await gateway.end()
    }

    @Test("what was under way when a connection ended is cut, and does not go over the next one")
    func cut() async throws {
        let broker = try Mosquitto()
        let gateway = try BrokerClient(address: broker.address(as: "G-1", version: .v5), gateway: "G-1")
        gateway.start()
        let first = try #require(await gateway.nextConnection())
        // It takes the bytes and says nothing.
        broker.signal(SIGSTOP)
        async let receipt = gateway.deliver([message(topics.ledger)], over: first)
        broker.stop()
        #expect(await receipt == BrokerReceipt(acknowledged: 0, problem: .cut))
        #expect(await gateway.nextEnd() != nil)
        try broker.start()
        let second = try #require(await gateway.nextConnection())
        #expect(second != first)
        #expect(await gateway.deliver([message(topics.ledger)], over: first).problem == .cut)
        #expect(await gateway.deliver([message(topics.ledger)], over: second).problem == nil)
        gateway.stop()
        #expect(await gateway.nextConnection() == nil)
        #expect(await gateway.deliver([message(topics.ledger)], over: second).problem == .cut)
    }

    @Test("a broker that is there and acknowledges nothing is left, and tried again")
    func silent() async throws {
        let broker = try Mosquitto()
        let gateway = try BrokerClient(
            address: broker.address(as: "G-1", version: .v5), gateway: "G-1", longestUnanswered: .milliseconds(50))
        gateway.start()
        let connection = try #require(await gateway.nextConnection())
        broker.signal(SIGSTOP)
        let receipt = await gateway.deliver([message(topics.ledger)], over: connection)
        #expect(receipt == BrokerReceipt(acknowledged: 0, problem: .cut))
        #expect(await gateway.nextEnd() == "the broker acknowledges nothing")
        broker.signal(SIGCONT)
        #expect(await gateway.nextConnection() != nil)
        gateway.stop()
    }

    @Test("commands wait for a gateway that is away", arguments: BrokerAddress.Version.allCases)
    func away(version: BrokerAddress.Version) async throws {
        let broker = try Mosquitto()
        let address = broker.address(as: "G-1", version: version)
        let first = try BrokerClient(address: address, gateway: "G-1")
        first.start()
        #expect(await first.nextConnection() != nil)
        first.stop()
        #expect(await first.nextConnection() == nil)
        let office = try BrokerClient(address: broker.address(as: "office", version: version), gateway: "office")
        office.start()
        _ = await office.deliver([message(topics.commands, "1")], over: try #require(await office.nextConnection()))
        let second = try BrokerClient(address: address, gateway: "G-1")
        second.start()
        for await command in second.commands {
            #expect(command == Array("1".utf8))
            break
        }
        second.stop()
        office.stop()
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
