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
            "sample.yaml:10: the channel 'volts' is unknown; see the list in docs/profiles.md"),
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
        Sample("title: Sample", "", "sample.yaml:1: the key 'title' is missing; add 'title: ...'"),
        Sample("title: Sample", "id: sample", "sample.yaml:1: the key id is given twice; mend the YAML"),
        Sample(
            "billing: {", "relay: { power_up: last, coils: 0 }\nbilling: {",
            "sample.yaml:11: relay.coils 0 is out of range; write a number from 1 to 64"),
    ]

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

    @Test("what is not YAML is said to be none", arguments: ["a: [1", "", "- 1\n- 2", "\t"])
    func notYAML(text: String) {
        #expect(throws: ConfigurationProblems.self) { _ = try ProfileFile(file: "sample.yaml", text: text) }
    }

    @Test("two profiles that cannot be told apart are refused together")
    func collision() throws {
        let rule = "\nidentify:\n  - { table: holding, address: 5, equals: [1] }\n"
        let files = [
            ("sample.yaml", good + rule), ("second.yaml", good.replacing("id: sample", with: "id: second") + rule),
        ]
        #expect(throws: ConfigurationProblems.self) { _ = try ProfileLibrary(files: files) }
    }
}
