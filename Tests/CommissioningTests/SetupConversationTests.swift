import BusSurvey
import Commissioning
import ConfigurationReader
import Foundation
import MeterProfiles
import Metering
import Testing

private let usual = SerialFormat(baud: 9600, parity: .none, stopBits: 1)

private func profiles() throws -> [MeterProfile] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "etc/profiles").path
    let files = try ["eastron-sdm120", "acrel-ddsy1352-block", "waveshare-relay-8"].map { id in
        (name: "\(folder)/\(id).yaml", text: try String(contentsOfFile: "\(folder)/\(id).yaml", encoding: .utf8))
    }
    return try ProfileLibrary(files: files).all
}

private func box(ports: [String: String] = ["/dev/p1": "FT232R"]) -> SetupConversation.Box {
    SetupConversation.Box(
        identity: BoxIdentity(serial: "77"), timeZone: "Europe/Berlin", ports: ports,
        knowsTimeZone: { $0.contains("/") })
}

private func wiring(_ change: (inout WiringEvidence) -> Void = { _ in }) -> SetupEvent {
    var evidence = WiringEvidence()
    change(&evidence)
    return .wiring(WiringDiagnosis(evidence))
}

private let answering: SetupEvent = wiring { evidence in
    var trial = WiringEvidence.Trial(serial: usual)
    (trial.asked, trial.answered, trial.units) = (1, 1, [1])
    evidence.trials = [trial]
}

private func found(_ devices: (UInt8, ModelGuess)...) -> SetupEvent {
    .found(
        devices.map { unit, model in
            var evidence = AddressEvidence()
            for _ in 0..<AddressEvidence.repetitions { evidence.take(.values([0]), answeredTwice: false) }
            return FoundDevice(serial: usual, unit: unit, model: model, evidence: evidence)
        })
}

/// What a step is called in the tables below.
private func name(_ step: SetupStep) -> String {
    switch step {
    case .ask(let question): question.name.rawValue
    case .work(.testWiring(let port)): "wire \(port)"
    case .work(.scan(let port, let formats, let addresses)): "scan \(port) \(formats.count) \(addresses)"
    case .work(.write): "writing"
    case .work(.enrol(let platform, let code)): "enrolling \(platform) \(code)"
    case .work(.selfTest(let circuit)): "testing \(circuit?.rawValue ?? "-")"
    case .end(let end): "\(end)"
    }
}

@Suite("The guided setup, as transcripts")
struct SetupConversationTests {
    /// A line: the step that is expected, and what happens then.
    typealias Line = (String, SetupEvent)

    private func play(
        _ lines: [Line], on conversation: SetupConversation? = nil, end: String
    ) throws -> SetupConversation {
        var conversation = try conversation ?? SetupConversation(box: box(), profiles: profiles())
        for (index, line) in lines.enumerated() {
            #expect(name(conversation.step) == line.0, "line \(index + 1), news \(conversation.news)")
            checkScreen(conversation)
            conversation.take(line.1)
        }
        #expect(name(conversation.step) == end, "news \(conversation.news)")
        return conversation
    }

    /// Every question fits a terminal of 80 x 24 and is plain ASCII.
    private func checkScreen(_ conversation: SetupConversation) {
        guard case .ask(let question) = conversation.step else { return }
        let lines = [question.title] + question.lines + ["\(question.prompt) [\(question.usual)]: "]
        #expect(lines.count + conversation.news.count <= 22, "\(lines)")
        #expect(lines.allSatisfy { $0.allSatisfy(\.isASCII) }, "\(lines)")
    }

    private let enter = SetupEvent.answer("")

    @Test("Enter alone leads through: one bus, one meter, no customer, no platform")
    func usualAnswers() throws {
        let end = try play(
            [
                ("gateway", enter), ("timeZone", enter), ("usePort", enter), ("wire /dev/p1", answering),
                ("wiring", enter), ("scanRange", enter),
                ("scan /dev/p1 1 1-32,100-103", found((5, .identified("eastron-sdm120")))),
                ("keepFound", enter), ("otherPort", enter), ("device", enter), ("uplink", enter), ("write", enter),
                ("writing", .written(["there"])), ("selfTest", enter), ("switchTest", enter),
                ("testing -", .tested(["all well"])),
            ], end: "done")
        #expect(end.plan.gateway == "SITE-{serial}" && end.plan.timeZone == "Europe/Berlin")
        #expect(end.plan.buses.map(\.port) == ["/dev/p1"] && end.plan.buses.first?.serial == usual)
        #expect(end.plan.devices.map(\.name.rawValue) == ["M-5"])
        #expect(end.news == ["all well"])
    }

    @Test("customers, a board with its points, a model that is chosen, prices, a platform")
    func allOfIt() throws {
        let end = try play(
            [
                ("gateway", .answer("HOUSE-9")), ("timeZone", .answer("Asia/Shanghai")), ("usePort", .answer("y")),
                ("wire /dev/p1", answering), ("wiring", enter), ("scanRange", .answer("1-9,100")),
                (
                    "scan /dev/p1 1 1-9,100",
                    found(
                        (1, .identified("acrel-ddsy1352-block")), (2, .plausible(["eastron-sdm120"])), (3, .unknown),
                        (4, .unknown), (100, .identified("waveshare-relay-8")))
                ), ("keepFound", enter), ("otherPort", enter), ("device", .answer("M-101 C-1001")),
                ("device", .answer("M-102 C-1002")), ("breaker", enter), ("model", .answer("0")),
                ("model", .answer("2")), ("device", .answer("HALL")), ("breaker", .answer("-")),
                ("device", .answer("BOARD")),
                ("price", .answer("0.6180")), ("alarm", .answer("15")), ("opening", .answer("50")),
                ("uplink", .answer("https://p:1")),
                ("write", enter), ("writing", .written([])), ("pairing", enter), ("selfTest", enter),
                ("switchTest", .answer("M-101 M-101")),
                ("testing M-101", .tested([])),
            ], end: "done")
        let lines = end.plan.importFile.split(separator: "\n").dropFirst(2).map(String.init)
        #expect(
            lines == [
                "M-101,bus1,1,acrel-ddsy1352-block,,A-M-101,C-1001,,0.6180,15,7.500000,,,50,,,,,,".replacing(
                    "7.500000", with: end.plan.customers["alarm_2"] ?? ""),
                "M-102,bus1,2,eastron-sdm120,,A-M-102,C-1002,,0.6180,15,\(end.plan.customers["alarm_2"] ?? ""),,,50,,,,bus1,100,1",
                "HALL,bus1,4,eastron-sdm120,,,,,,,,,,,,,,,,", "BOARD,bus1,100,waveshare-relay-8,,,,,,,,,,,,,,,,",
            ], "\(lines)")
        #expect(end.plan.uplink?.url == "https://p:1")
    }

    @Test("wrong wiring: test again until it answers, look elsewhere, leave a port out, name one by hand")
    func wrongWiring() throws {
        let swapped = wiring { $0.idleBreakBytes = 50 }
        let conversation = try SetupConversation(
            box: box(ports: ["/dev/p1": "", "/dev/p2": "CH341"]), profiles: profiles())
        let end = try play(
            [
                ("gateway", enter), ("timeZone", enter), ("usePort", enter), ("wire /dev/p1", swapped),
                ("wiring", enter), ("wire /dev/p1", wiring()), ("wiring", .answer("s")), ("scanRange", enter),
                ("scan /dev/p1 0 1-32,100-103", found()), ("keepFound", enter), ("scanRange", .answer("200-247")),
                ("scan /dev/p1 0 200-247", found()), ("keepFound", .answer("k")), ("keepFound", .answer("n")),
                ("usePort", enter), ("wire /dev/p2", .failed("the port is in use")),
                ("otherPort", .answer("-")), ("otherPort", .answer("ttyUSB7")),
                ("otherPort", .answer("tcp://10.0.0.5:4196?framing=rtu")),
                ("wire tcp://10.0.0.5:4196?framing=rtu", answering), ("wiring", enter), ("scanRange", enter),
                (
                    "scan tcp://10.0.0.5:4196?framing=rtu 1 1-32,100-103",
                    found((1, .identified("acrel-ddsy1352-block")))
                ),
                ("keepFound", enter), ("otherPort", enter), ("device", enter),
            ], on: conversation, end: "uplink")
        #expect(end.plan.buses.map(\.port) == ["tcp://10.0.0.5:4196?framing=rtu"])
        #expect(end.leftOut == ["/dev/p1", "/dev/p2"])
    }

    @Test("what does not fit is refused and asked again; nothing is kept of it")
    func refusals() throws {
        let end = try play(
            [
                ("gateway", .answer("two words")), ("gateway", .answer("S-{mac}")), ("gateway", .answer("S-1")),
                ("timeZone", .answer("Berlin")), ("timeZone", enter), ("usePort", .answer("maybe")), ("usePort", enter),
                ("wire /dev/p1", answering), ("wiring", .answer("x")), ("wiring", enter),
                ("scanRange", .answer("0-300")),
                ("scanRange", enter),
                (
                    "scan /dev/p1 1 1-32,100-103",
                    found(
                        (1, .identified("eastron-sdm120")), (2, .identified("eastron-sdm120")),
                        (100, .identified("waveshare-relay-8")))
                ), ("keepFound", .answer("yes")), ("keepFound", enter), ("otherPort", enter),
                ("device", .answer("M 1 C-1 x")), ("device", .answer("M-2")), ("device", .answer("M-1 C,1")),
                ("device", .answer("M-1 C-1")), ("breaker", .answer("R-100 9")), ("breaker", .answer("R-100 1")),
                ("device", .answer("M-2 C-2")), ("breaker", .answer("R-100 1")), ("breaker", enter),
                ("device", .answer("R-100 C-3")), ("device", enter), ("price", .answer("cheap")),
                ("price", enter), ("alarm", .answer("-5")), ("alarm", enter), ("opening", .answer("x")),
                ("opening", enter), ("uplink", .answer("http://p")),
                ("uplink", enter), ("write", .answer("hm")), ("write", enter),
                ("writing", .failed("/etc is read-only; remount it")), ("write", enter), ("writing", .written([])),
                ("selfTest", enter), ("switchTest", .answer("M-1")), ("switchTest", .answer("X X")),
                ("switchTest", enter), ("testing -", .failed("no meter answers")), ("selfTest", .answer("n")),
            ], end: "done")
        #expect(end.plan.devices[1].columns["breaker_point"] == "2")
    }

    @Test("back leads one question back, however far; q leaves")
    func back() throws {
        let end = try play(
            [
                ("gateway", .answer("<")), ("gateway", .answer("S-1")), ("timeZone", .answer("<")),
                ("gateway", .answer("S-2")), ("timeZone", enter), ("usePort", enter), ("wire /dev/p1", answering),
                ("wiring", .answer("<")), ("usePort", enter), ("wire /dev/p1", answering), ("wiring", enter),
                ("scanRange", enter), ("scan /dev/p1 1 1-32,100-103", found((5, .identified("eastron-sdm120")))),
                ("keepFound", enter), ("otherPort", .answer("<")), ("keepFound", enter), ("otherPort", enter),
                ("device", .answer("q")),
            ], end: "interrupted")
        #expect(end.plan.gateway == "S-2" && end.plan.devices.count == 1)
    }

    @Test("a later call goes on where the earlier one was left")
    func resume() throws {
        let first = try play(
            [
                ("gateway", .answer("S-1")), ("timeZone", enter), ("usePort", enter), ("wire /dev/p1", answering),
                ("wiring", enter), ("scanRange", enter),
                (
                    "scan /dev/p1 1 1-32,100-103",
                    found((1, .identified("acrel-ddsy1352-block")), (2, .identified("acrel-ddsy1352-block")))
                ), ("keepFound", enter), ("otherPort", enter), ("device", .answer("M-101 C-1")),
                ("device", .answer("q")),
            ], end: "interrupted")
        let kept = try SitePlan(file: "site.yaml", text: first.plan.siteFile)
        let second = SetupConversation(
            box: box(), profiles: try profiles(), plan: kept, stage: first.stage, leftOut: first.leftOut)
        let end = try play([("device", .answer("M-102 C-2")), ("price", enter)], on: second, end: "alarm")
        #expect(end.plan.devices.map(\.name.rawValue) == ["M-101", "M-102"])
    }

    @Test("a platform that pairs: a wrong code is asked again, - leaves it for later")
    func pairing() throws {
        var plan = SitePlan(gateway: "S-1")
        plan.buses = [SitePlan.Bus(id: try #require(BusID(rawValue: "bus1")), port: "/dev/p1")]
        let conversation = SetupConversation(
            box: box(), profiles: try profiles(), plan: plan, stage: .uplink)
        let written: [Line] = [("uplink", .answer("https://p:1")), ("write", enter), ("writing", .written([]))]
        let end = try play(
            written + [
                ("pairing", .answer("AAAA")), ("pairing", .answer("https://p:2 AAAA BBBB")),
                ("enrolling https://p:2 AAAA BBBB", .failed("the code is wrong")),
                ("pairing", .answer("https://p:2 CCCC")),
                ("enrolling https://p:2 CCCC", .enrolled(["it is"])),
            ], on: conversation, end: "selfTest")
        #expect(end.news == ["it is"])
        _ = try play(written + [("pairing", enter)], on: conversation, end: "selfTest")
        // Without a platform there is nothing to pair with.
        _ = try play(
            [("uplink", enter), ("write", enter), ("writing", .written([]))], on: conversation, end: "selfTest")
    }
}
