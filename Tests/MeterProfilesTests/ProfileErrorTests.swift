import ConfigurationReader
import MeterProfiles
import Testing

private let good = """
    id: sample
    title: Sample
    source: a manual, page 1
    verified: true
    commodity: electricity
    serial: { baud: 9600, format: 8N1 }
    limits: { registers_per_read: 20 }
    registers:
      - { channel: energy_import, address: 0x0000, encoding: u32, unit: kWh }
      - { channel: voltage, address: 0x0002, scale: 0.1, unit: V }
    billing: { channel: energy_import, step: 1000 }
    """

@Suite("What is wrong with a profile is said with line and remedy")
struct ProfileErrorTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let change: (String, String)
        let message: String
        var testDescription: String { message }
        init(_ old: String, _ new: String, _ message: String) {
            change = (old, new)
            self.message = message
        }
    }

    static let samples: [Sample] = [
        Sample(
            "verified: true",
            "verified: false\nsettings:\n  - { name: overload_limit, address: 0x20, unit: W, write: single }",
            "sample.yaml:5: overload_limit can be written, but nobody has confirmed this map; leave 'write' out, or "
                + "write 'verified: true' once a manual or a real meter confirms it"),
        Sample(
            "verified: true", "verfied: true",
            "sample.yaml:4: the key 'verfied' is unknown; did you mean 'verified'?"),
        Sample(
            "verified: true", "verified: yes",
            "sample.yaml:4: verified 'yes' is neither true nor false; write true or false"),
        Sample(
            "id: sample", "id: other", "sample.yaml:1: the id 'other' is not the file's name; name the file other.yaml"),
        Sample(
            "baud: 9600", "baud: 9601",
            "sample.yaml:6: 9601 baud is not a rate of RS485 meters; write one of 1200, 2400, 4800, 9600, 19200, 38400, "
                + "57600, 115200"),
        Sample(
            "format: 8N1", "format: 7E1",
            "sample.yaml:6: the character format '7E1' is unknown; write one of 8N1, 8E1, 8O1, 8N2"),
        Sample(
            "registers_per_read: 20", "registers_per_read: 126",
            "sample.yaml:7: limits.registers_per_read 126 is out of range; write a number from 1 to 125"),
        Sample(
            "scale: 0.1", "scale: \"0,1\"",
            "sample.yaml:10: the scale '0,1' is not a number above zero; write it like 0.1 or 10"),
        Sample("unit: V", "unit: kWh", "sample.yaml:10: the unit 'kWh' does not fit voltage; write one of V"),
        Sample(
            "channel: voltage", "channel: volts",
            "sample.yaml:10: the channel 'volts' is unknown; did you mean 'voltage'?"),
        Sample(
            "scale: 0.1", "invalid: [0x1FFFF]",
            "sample.yaml:10: the marker '0x1FFFF' is no pattern of u16; write it as the manual does, at most 0xFFFF"),
        Sample(
            "address: 0x0002", "address: 0x0001",
            "sample.yaml:10: voltage overlaps energy_import in line 9; check address and encoding against the manual"),
        Sample(
            "{ channel: voltage, address: 0x0002, scale: 0.1, unit: V }",
            "{ channel: energy_import, address: 0x0002, unit: kWh }",
            "sample.yaml:10: energy_import stands in line 9 already; keep one of the two"),
        Sample(
            "billing: { channel: energy_import", "billing: { channel: voltage",
            "sample.yaml:11: 'voltage' is no cumulative register of this profile; name one that is"),
        Sample(
            "billing: { channel: energy_import, step: 1000 }", "",
            "sample.yaml:1: a meter without 'billing' cannot be billed; name the cumulative register in 'billing'"),
        Sample("title: Sample", "title:", "sample.yaml:2: title is empty; write something after 'title:'"),
        Sample(
            "title: Sample", "title: &name Sample",
            "sample.yaml:2: '&name' is a YAML anchor, alias or tag, which are not used here; write the value out; "
                + "quote text that starts with &, * or !"),
        Sample(
            "commodity: electricity", "commodity: water",
            "sample.yaml:11: water is counted in l, energy_import in Wh; name a register that counts l"),
        Sample(
            "commodity: electricity\n", "",
            "sample.yaml:10: 'billing' needs to know what is sold; add 'commodity: electricity' or 'commodity: water'"),
        Sample(
            "registers_per_read: 20", "registers_per_read: 1",
            "sample.yaml:7: registers_per_read 1 cannot hold energy_import; raise registers_per_read to 2"),
        Sample("title: Sample", "", "sample.yaml:1: the key 'title' is missing; add 'title: ...'"),
        Sample("title: Sample", "id: sample", "sample.yaml:1: the key 'id' is given twice; keep one"),
        Sample(
            "billing: {", "relay: { power_up: last, coils: 0 }\nbilling: {",
            "sample.yaml:11: relay.coils 0 is out of range; write a number from 1 to 64"),
        Self.relay(
            "coils: 8, open: { coil: 0, value: on }",
            "sample.yaml:11: 'open' has no meaning beside 'coils'; keep one of the two"),
        Self.relay(
            "open: { coil: 0, value: 1 }, close: { coil: 1, value: on }, readback: { table: coil, address: 0, closed: 1 }",
            "sample.yaml:11: a coil cannot be '1'; write on or off"),
        Self.relay(
            "open: { coil: 0, value: on }, close: { coil: 0, value: on }, readback: { table: coil, address: 0, closed: 1 }",
            "sample.yaml:11: opening and closing write the same; check both against the manual"),
        Self.relay(
            "open: { register: 9, value: 1 }, close: { register: 9 }, readback: { table: coil, address: 0, closed: 1 }",
            "sample.yaml:11: 'relay.close' does not write 1 to 16 registers; add 'value: 1' or 'values: [1, 0]'"),
        Self.relay(
            "open: { register: 9, value: 1 }, close: { register: 9, value: 2 }, "
                + "readback: { table: holding, address: 0, mask: 2, closed: 1 }",
            "sample.yaml:11: 'closed' has bits outside 'mask'; check both against the manual"),
    ]

    private static func relay(_ keys: String, _ message: String) -> Sample {
        Sample("billing: {", "relay: { power_up: last, \(keys) }\nbilling: {", message)
    }

    @Test("one mistake, one message", arguments: samples)
    func message(sample: Sample) throws {
        let text = good.replacing(sample.change.0, with: sample.change.1)
        #expect(text != good)
        do {
            _ = try ProfileFile(file: "sample.yaml", text: text)
            Issue.record("accepted")
        } catch {
            #expect(error.problems.map(\.description).contains(sample.message), "\(error)")
        }
    }

    @Test("the sample itself is good")
    func sampleIsGood() throws {
        _ = try ProfileFile(file: "sample.yaml", text: good)
    }

    @Test("all mistakes are told at once")
    func together() {
        let text = good.replacing("baud: 9600", with: "baud: 1").replacing("unit: V", with: "unit: X")
        #expect(throws: ConfigurationProblems.self) { _ = try ProfileFile(file: "sample.yaml", text: text) }
        do { _ = try ProfileFile(file: "sample.yaml", text: text) } catch { #expect(error.problems.count == 2) }
    }

    @Test("a wrong line of the table is one mistake, not two")
    func noAftermath() {
        do {
            _ = try ProfileFile(file: "sample.yaml", text: good.replacing("unit: kWh", with: "unit: kW"))
            Issue.record("accepted")
        } catch { #expect(error.problems.count == 1, "\(error)") }
    }

    @Test("what is not YAML is said to be none", arguments: ["a: [1", "", "- 1\n- 2", "\t"])
    func notYAML(text: String) {
        #expect(throws: ConfigurationProblems.self) { _ = try ProfileFile(file: "sample.yaml", text: text) }
    }

    @Test(
        "what a value may hold is no anchor",
        arguments: ["R&D 5*4", "a & b", "what?!", "'&quoted'", "x -*", "\"!\""])
    func harmless(title: String) throws {
        _ = try ProfileFile(file: "sample.yaml", text: good.replacing("title: Sample", with: "title: \(title)"))
    }

    @Test(
        "aliases are refused wherever they stand, before they can multiply",
        arguments: [
            "{a: *x}", "[*x]", "[1,*x]", "\"k\":*x", "- *x", "? *x", "!!map &x", "a: &x", "a:\n  *x", "\r*x",
            "\u{2028}*x", "--- &x", "a: !t &x b",
        ])
    func aliases(text: String) {
        do {
            _ = try ProfileFile(file: "sample.yaml", text: text)
            Issue.record("accepted")
        } catch { #expect("\(error)".contains("anchor, alias or tag"), "\(error)") }
    }

    @Test("what is too large or too deep is refused, not followed")
    func bounds() {
        for text in [String(repeating: "#", count: 300_000), String(repeating: "[", count: 100_000)] {
            #expect(throws: ConfigurationProblems.self) { _ = try ProfileFile(file: "sample.yaml", text: text) }
        }
    }

    @Test(
        "two profiles that one meter could match are refused together",
        arguments: [
            ("{ table: holding, address: 5, equals: [1] }", 1),
            ("{ table: holding, address: 4, equals: [0, 1] }", 1),
            ("{ table: holding, address: 5, equals: [2] }", 0),
            ("{ table: input, address: 5, equals: [1] }", 0),
        ])
    func collision(rule: String, problems: Int) {
        let first = good + "\nidentify:\n  - { table: holding, address: 5, equals: [1] }\n"
        let second = good.replacing("id: sample", with: "id: second") + "\nidentify:\n  - \(rule)\n"
        do {
            _ = try ProfileLibrary(files: [("sample.yaml", first), ("second.yaml", second)])
            #expect(problems == 0)
        } catch {
            #expect(
                error.problems.map(\.description) == [
                    "second.yaml:12: one meter could be taken for this model and for that of sample.yaml; "
                        + "add a register that differs to 'identify' in both"
                ])
            #expect(problems == 1)
        }
    }

    @Test("one id in two folders is refused")
    func sameID() {
        do {
            _ = try ProfileLibrary(files: [("a/sample.yaml", good), ("b/sample.yaml", good)])
            Issue.record("accepted")
        } catch {
            #expect(
                "\(error)"
                    == "b/sample.yaml: the id 'sample' is used in a/sample.yaml too; remove one of the two files")
        }
    }
}
