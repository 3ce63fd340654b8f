import BusSurvey
import MeterProfiles
import Metering
import Testing

@Suite("What a scan leaves to go on with")
struct ScanSheetTests {
    private func sheet(_ devices: [Stand], installed: [SiteMeter] = []) throws -> ScanSheet {
        let (scan, _) = try play(
            ScanRange(formats: [line9600, line2400], units: 1...10),
            profiles: [profile("alpha", mark: 7), profile("beta", mark: 9)], devices: devices)
        return ScanSheet(
            bus: try #require(BusID(rawValue: "bus1")), port: "/dev/ttyS1", configured: nil, found: scan.devices,
            installed: installed)
    }

    /// The lines that an import takes.
    private func rows(_ sheet: ScanSheet) -> [String] {
        sheet.importFile.split(separator: "\n").filter { !$0.hasPrefix("#") }.dropFirst().map {
            $0.split(separator: ",").prefix(4).joined(separator: " ")
        }
    }

    @Test("devices whose model is sure are lines, all others comments that say what to do")
    func file() throws {
        let sheet = try sheet([
            Stand(unit: 1, mark: 7), Stand(unit: 2, mark: 99), Stand(unit: 3, mark: 9, doubled: [4]),
            Stand(serial: line2400, unit: 4, mark: 9), Stand(serial: line2400, unit: 1, mark: 9),
        ])
        #expect(sheet.serial == line9600)
        #expect(rows(sheet) == ["bus1-1 bus1 1 alpha"])
        let text = sheet.importFile
        #expect(text.contains("# unit 2: its model is not known; write its profile into 'profile'"))
        #expect(text.contains("# unit 3: two devices have this address; disconnect one"))
        #expect(text.contains("# unit 4: answers at 2400 8E1, the bus has 9600 8N1; set its rate"))
        #expect(text.contains("a device at 2400 8E1 has this address too"))
        #expect(sheet.configurationFragment.contains("- { id: bus1, port: /dev/ttyS1, baud: 9600, format: 8N1 }"))
    }

    @Test("what is installed is not imported again, and a wrong profile is named")
    func installed() throws {
        let bus = try #require(BusID(rawValue: "bus1"))
        let meters = try [("M-1", UInt8(1), "alpha"), ("M-2", 2, "alpha")].map { name, unit, profile in
            let id = try #require(MeterID(rawValue: name))
            return SiteMeter(id: id, address: try #require(UnitAddress(bus: bus, unit: unit)), profile: profile)
        }
        let sheet = try sheet(
            [Stand(unit: 1, mark: 7), Stand(unit: 2, mark: 9), Stand(unit: 3, mark: 9)], installed: meters)
        #expect(rows(sheet) == ["bus1-3 bus1 3 beta"])
        #expect(sheet.importFile.contains("# unit 1: installed already as M-1"))
        #expect(sheet.importFile.contains("installed as M-2 with profile alpha, but it answers as beta"))
    }
}
