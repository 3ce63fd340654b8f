import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Concentrator

extension SiteService {
    func isOrderUnderWay(to circuit: CircuitID) -> Bool? {
        let states = groupOfCircuit[circuit].flatMap { groups[$0] }?.circuits
        return states?.first { $0.circuit.id == circuit }?.reconciler.isWriting
    }
}

@Suite("Meters that come, go and are replaced by command")
struct MeterCommandTests {
    @Test("a meter is replaced: the old one is billed to its end, the new one starts at its first reading")
    func replace() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        let money = "\"account\":\"A-1\",\"customer_number\":\"C-1\",\"issuer\":\"office\""
        try await bench.send("preset", "{\(money),\"amount\":\"100\"}")
        let exchange = """
            {"circuit":"M-1","old_last":1005,"new_first":7,"meter":"M-1b","bus":"bus1","unit":9,\
            "profile":"acrel-ddsy1352-block"}
            """
        let record = try await bench.send("replace_meter", exchange)
        #expect(record.detail["billed"] == "5")
        // 5 Wh at 1000.0000 a kWh.
        #expect(try await bench.account("A-1").balance == Money(microunits: 95_000_000))
        let status = await bench.site.status().circuits[0]
        #expect(status.meter.rawValue == "M-1b")
        #expect(status.address.description.hasSuffix("9"))
        let new = SiteMeter(
            id: status.meter, address: status.address, profile: "acrel-ddsy1352-block")
        await bench.report(new, energy: 7)
        await bench.report(new, energy: 9)
        #expect(await bench.site.status().circuits[0].balance == Money(microunits: 93_000_000))
        #expect(try await bench.send("replace_meter", exchange.replacing("1005", with: "9999999")).outcome != "applied")
        // The old meter is gone, its address free.
        let back =
            "{\"meter\":\"M-1\",\"bus\":\"bus1\",\"unit\":1,\"profile\":\"acrel-ddsy1352-block\",\"circuit\":\"K-1\"}"
        #expect(try await bench.send("add_meter", back).outcome == "applied")
        #expect(try await bench.site.isSound())
        await bench.site.loadAnew()
        #expect(await bench.site.status().circuits.map(\.circuit.rawValue) == ["K-1", "M-1", "M-2"])
    }

    @Test("a meter is taken out and comes back under another account")
    func removeAndAdd() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        #expect(try await bench.send("remove_meter", "{\"meter\":\"M-1\"}").outcome == "applied")
        #expect(await bench.site.status().circuits.map(\.circuit.rawValue) == ["M-2"])
        #expect(try await bench.send("remove_meter", "{\"meter\":\"M-1\"}").outcome == "unknown_meter")
        let add =
            "{\"meter\":\"M-1\",\"bus\":\"bus1\",\"unit\":1,\"profile\":\"acrel-ddsy1352-block\",\"account\":\"A-2\"}"
        #expect(try await bench.send("add_meter", add).outcome == "applied")
        #expect(await bench.site.status().circuits.map(\.account?.rawValue) == ["A-2", "A-2"])
        #expect(try await bench.site.isSound())
        // It starts anew: what it had counted before is nobody's debt.
        await bench.report(bench.meters[0], energy: 5_000_000)
        #expect(await bench.site.status().circuits[0].balance == Money(microunits: 1_000_000))
    }

    @Test(
        "what cannot be is refused with its reason",
        arguments: [
            ("{\"meter\":\"M-1\",\"bus\":\"bus1\",\"unit\":9,\"profile\":\"eastron-sdm120\"}", "meter_exists"),
            ("{\"meter\":\"M-9\",\"bus\":\"bus1\",\"unit\":1,\"profile\":\"eastron-sdm120\"}", "address_taken"),
            ("{\"meter\":\"M-9\",\"bus\":\"bus7\",\"unit\":9,\"profile\":\"eastron-sdm120\"}", "unknown_bus"),
            ("{\"meter\":\"M-9\",\"bus\":\"bus1\",\"unit\":9,\"profile\":\"nothing\"}", "unknown_profile"),
            (
                "{\"meter\":\"M-9\",\"bus\":\"bus1\",\"unit\":9,\"profile\":\"eastron-sdm120\",\"account\":\"A-9\"}",
                "unknown_account"
            ),
            (
                "{\"meter\":\"M-9\",\"bus\":\"bus1\",\"unit\":9,\"profile\":\"eastron-sdm120\",\"circuit\":\"M-2\"}",
                "circuit_exists"
            ),
            (
                """
                {"meter":"M-9","bus":"bus1","unit":9,"profile":"eastron-sdm120",\
                "breaker":{"bus":"bus1","unit":1,"point":1}}
                """, "breaker_taken"
            ),
            (
                """
                {"meter":"M-9","bus":"bus1","unit":9,"profile":"eastron-sdm120",\
                "breaker":{"bus":"bus1","unit":77,"point":1}}
                """, "no_relay_point"
            ),
        ])
    func refused(fields: String, outcome: String) async throws {
        let bench = try await SiteBench(count: 2)
        #expect(try await bench.send("add_meter", fields).outcome == outcome)
    }

    @Test("what a meter should hold: of the meter before its model, with who said it and since when, for good")
    func expectedSettings() async throws {
        let bench = try await SiteBench(count: 3)
        func expect(_ subject: String, _ settings: String) async throws -> CommandRecord {
            try await bench.send("expected_settings", "{\(subject),\"settings\":\(settings)}")
        }
        let model = "\"profile\":\"acrel-ddsy1352-block\""
        #expect(try await expect(model, "{\"ct_ratio\":\"40\",\"pt_ratio\":\"1\"}").outcome == "applied")
        let mixed = try await expect("\"meters\":[\"M-1\",\"M-7\"]", "{\"ct_ratio\":\"60\"}")
        #expect(mixed.detail == ["M-1": "applied", "M-7": "unknown_meter"])
        #expect(try await expect(model, "{\"alarm_1\":\"40\"}").outcome == "unknown_setting")
        #expect(try await expect(model, "{\"ct_ratio\":\"70000\"}").outcome == "value_out_of_range")
        #expect(try await expect("\"profile\":\"nothing\"", "{}").outcome == "unknown_profile")
        func check() async {
            let expected = await bench.site.expected
            #expect(expected.expected(.currentRatio, of: bench.meters[0])?.value == .number(60_000))
            #expect(expected.expected(.voltageRatio, of: bench.meters[0])?.value == .number(1_000))
            #expect(expected.expected(.currentRatio, of: bench.meters[1])?.value == .number(40_000))
            #expect(expected.expected(.currentRatio, of: bench.meters[1])?.by == "platform")
            #expect(expected.expected(.currentRatio, of: bench.meters[1])?.since != nil)
            #expect(expected.expected(.alarm1, of: bench.meters[1]) == nil)
        }
        await check()
        #expect(await bench.site.metersToCheck == Set(bench.meters.map(\.id)))
        await bench.site.loadAnew()
        await check()
        // Said again, it keeps its first moment; taken back, the model's holds again.
        let before = await bench.site.expected
        _ = try await expect(model, "{\"ct_ratio\":\"40\",\"pt_ratio\":\"1\"}")
        #expect(await bench.site.expected == before)
        _ = try await expect("\"meters\":[\"M-1\"]", "{}")
        #expect(
            await bench.site.expected.expected(.currentRatio, of: bench.meters[0])?.value == .number(40_000))
        // A meter that is taken out takes along what was expected of it.
        _ = try await expect("\"meters\":[\"M-2\"]", "{\"ct_ratio\":\"60\"}")
        #expect(try await bench.send("remove_meter", "{\"meter\":\"M-2\"}").outcome == "applied")
        #expect(await bench.site.expected[.meter(bench.meters[1].id)].isEmpty)
        #expect(try await bench.site.isSound())
    }

    @Test("an order that comes with the site's rebuilding is given, and its end lets the breaker move again")
    func ordersOfRebuilding() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        let money = "\"account\":\"A-1\",\"customer_number\":\"C-1\",\"issuer\":\"office\""
        try await bench.send("close_account", "{\(money),\"pays_out\":true}")
        let opened = try #require(bench.orders().first)
        await bench.site.take(.orderEnded(opened, readBack: .open, at: bench.clock.now()))
        for _ in 0..<2 { await bench.report(bench.meters[0], energy: 1000, position: .open) }
        let opening = """
            {"account":"A-1","customer_number":"C-77","issuer":"office","carried_over":"3",\
            "settings":{"price":"0.5","alarm_1":"2","alarm_2":"1","hoarding_cap":"50"}}
            """
        #expect(try await bench.send("open_account", opening).outcome == "applied")
        let closing = bench.orders()
        #expect(closing.map(\.position) == [.closed])
        for order in closing { await bench.site.take(.orderEnded(order, readBack: .closed, at: bench.clock.now())) }
        let circuit = try #require(CircuitID(rawValue: "M-1"))
        #expect(await bench.site.isOrderUnderWay(to: circuit) == false)
        #expect(await bench.site.status().circuits[0].breaker == .closed)
    }

    @Test("another meter under the name of one that was taken out starts without its readings")
    func sameName() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        #expect(await bench.site.status().circuits[0].reading != nil)
        #expect(try await bench.send("remove_meter", "{\"meter\":\"M-1\"}").outcome == "applied")
        let back = "{\"meter\":\"M-1\",\"bus\":\"bus1\",\"unit\":1,\"profile\":\"acrel-ddsy1352-block\"}"
        #expect(try await bench.send("add_meter", back).outcome == "applied")
        let status = await bench.site.status().circuits
        #expect(status[0].reading == nil && status[0].noData == .neverRead)
        #expect(status[1].reading != nil)
        // The same name at another address.
        let moved = """
            {"circuit":"M-2","old_last":1000,"new_first":7,"meter":"M-2","bus":"bus1","unit":9,"profile":"acrel-ddsy1352-block"}
            """
        #expect(try await bench.send("replace_meter", moved).outcome == "applied")
        #expect(await bench.site.status().circuits[1].reading == nil)
    }

    @Test("a meter that came back is looked at before its turn")
    func returned() async throws {
        let bench = try await SiteBench(count: 2)
        let meter = bench.meters[0]
        for meter in bench.meters { await bench.site.beginCheck(of: meter.id) }
        await bench.report(meter, energy: 1000)
        await bench.report(bench.meters[1], energy: 1000)
        #expect(await bench.site.metersOnPatrol().early.isEmpty)
        await bench.site.take(.lost(meter.id, at: bench.clock.now()))
        await bench.site.take(.found(meter.id, at: bench.clock.now()))
        await bench.report(meter, energy: 1000)
        let patrol = await bench.site.metersOnPatrol()
        #expect(patrol.early == [meter] && patrol.others == [bench.meters[1]])
        await bench.site.beginCheck(of: meter.id)
        #expect(await bench.site.metersOnPatrol().early.isEmpty)
    }

    @Test("meters are read out of their turn, and the command is answered when the last is heard")
    func readNow() async throws {
        let bench = try await SiteBench(count: 2)
        let accepted = try await bench.send("read_now", "{\"meters\":[\"M-1\",\"M-2\",\"M-9\"]}", id: "r")
        #expect(accepted.state == .accepted)
        #expect(bench.mailbox.takeNews()?.asked == Set(bench.meters.map(\.id)))
        await bench.report(bench.meters[0], energy: 1000)
        #expect(try await bench.site.command("r")?.state == .accepted)
        await bench.site.take(.failed(bench.meters[1].id, .timeout, at: bench.clock.now()))
        let answer = try #require(try await bench.site.command("r"))
        #expect((answer.state, answer.outcome) == (.applied, "partly_applied"))
        #expect(answer.detail == ["M-1": "applied", "M-2": "timeout", "M-9": "unknown_meter"])
        #expect(try await bench.site.isSound())
        try await bench.send("read_now", "{\"meters\":[\"M-1\"]}", id: "s")
        // The daemon ends before the meter is heard.
        try await bench.site.answerInterrupted(at: bench.clock.now())
        #expect(try await bench.site.command("s")?.state == .unknown)
    }

    @Test("an answer that cannot be kept is not lost: it is kept as soon as the ledger can be written")
    func readNowWithoutLedger() async throws {
        let bench = try await SiteBench(count: 1)
        try await bench.send("read_now", "{\"meters\":[\"M-1\"]}", id: "r")
        await bench.site.loseLedger()
        await bench.site.heard(bench.meters[0].id, code: "applied", at: bench.clock.now())
        #expect(try await bench.site.command("r")?.state == .accepted)
        await bench.site.tick()
        #expect(try await bench.site.command("r")?.state == .applied)
    }

    @Test("what came by the broker is answered there, and again when the last meter is heard; others are not")
    func answersForTheBroker() async throws {
        let bench = try await SiteBench(count: 1)
        func read(_ id: String) throws -> Command {
            let fields = "{\"id\":\"\(id)\",\"kind\":\"read_now\",\"position\":0,\"read_now\":{\"meters\":[\"M-1\"]}}"
            return try Command(json: try StrictJSON.parse(fields))
        }
        await bench.site.executeFromBroker(try read("b"))
        await bench.site.execute(try read("o"), from: .onSite)
        await bench.report(bench.meters[0], energy: 1000)
        func answers() -> [String] {
            bench.site.brokerAnswers.first(10).map { answer in
                let members = answer.json.object ?? [:]
                return "\(members["id"]?.string ?? "?") \(members["state"]?.string ?? "?")"
            }
        }
        #expect(answers() == ["b accepted", "b applied"])
        await bench.site.executeFromBroker(try read("b"))
        #expect(answers() == ["b accepted", "b applied", "b applied"])
        // The daemon ends before the meter is heard.
        await bench.site.executeFromBroker(try read("c"))
        try await bench.site.answerInterrupted(at: bench.clock.now())
        #expect(answers().suffix(2) == ["c accepted", "c unknown"])
        for _ in 0..<300 { await bench.site.executeFromBroker(try read("b")) }
        #expect(bench.site.brokerAnswers.first(1_000).count == BrokerAnswers.most)
    }
}
