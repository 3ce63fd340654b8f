import Concentrator
import ConfigurationReader
import Foundation
import Metering
import Prepaid
import Storage
import Testing

private let good = """
    meter,bus,unit,profile,circuit,account,customer,price,alarm_1,alarm_2,overdraft,hoarding_cap,opening_balance,\
    rated_watts,breaker_bus,breaker_unit,breaker_point
    M-1,bus1,1,acrel-ddsy1352-block,,A-1,C-1,0.6180,10,5,0,2000,50,13800,,,
    M-2,bus1,2,eastron-sdm120,,A-2,C-2,0.6180,10,5,0,2000,50,13800,bus1,100,1
    R-1,bus1,100,waveshare-relay-8,,,,,,,,,,,,,
    """

@Suite("What is wrong with an import file is said with line and remedy")
struct SiteImportTests {
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
            "bus1,2,", "bus1,1,", "site.csv:3: unit 1 of bus bus1 is taken in line 2; give each device its own unit"),
        Sample("M-2,", "M-1,", "site.csv:3: the meter 'M-1' is there twice; give each device its own name"),
        Sample("M-2,", "M 2,", "site.csv:3: meter 'M 2' is no name; write 1 to 40 characters of A-Z a-z 0-9 . _ -"),
        Sample(
            "eastron-sdm120", "eastron-sdm12",
            "site.csv:3: the profile 'eastron-sdm12' is unknown; did you mean 'eastron-sdm120'?"),
        Sample("overdraft,", "overdraw,", "site.csv:1: the column 'overdraw' is unknown; did you mean 'overdraft'?"),
        Sample("alarm_2,", "alarm_1,", "site.csv:1: a column is there twice; remove one of the two"),
        Sample(
            "bus1,100,1\n", "bus1,99,1\n",
            "site.csv:3: the breaker bus1/99/1 is on no device of this file; add a line for the device"),
        Sample(
            "bus1,100,1\n", "bus1,100,9\n",
            "site.csv:3: 'waveshare-relay-8' has no relay point 9; correct 'breaker_point'"),
        Sample(
            "bus1,100,1\n", "bus1,100,0\n", "site.csv:3: breaker_point '0' is no relay point; write 1 to 64"),
        Sample(
            "bus1,100,1\n", "bus1,1,1\n",
            "site.csv:3: the breaker bus1/1/1 switches line 2 already; give each circuit its own point"),
        Sample(
            "waveshare-relay-8,,", "waveshare-relay-8,,A-3",
            "site.csv:4: 'waveshare-relay-8' measures nothing, so it cannot have an account; move the account to its "
                + "meter"),
        Sample(
            "C-2,0.6180", "C-2,0.61805",
            "site.csv:3: the price '0.61805' is no price per kWh; write it like 0.6180, at most four decimals"),
        Sample(
            "C-2,0.6180", "C-2,cheap",
            "site.csv:3: the price 'cheap' is no price per kWh; write it like 0.6180, at most four decimals"),
        Sample(
            "C-2,0.6180", "C-2,-1",
            "site.csv:3: the price '-1' is no price per kWh; write it like 0.6180, at most four decimals"),
        Sample(
            "A-2,C-2", "A-2,", "site.csv:3: the account 'A-2' has no customer number; fill the column 'customer'"),
        Sample(
            "A-2,C-2", "A-1,C-2",
            "site.csv:3: the account 'A-1' is described twice; leave price and customer empty in its further lines"),
        Sample(
            "A-2,C-2,0.6180,10,5", "A-2,C-2,0.6180,5,10",
            "site.csv:3: alarm_2 = 10.00: must not be above alarm_1 (5.00); correct the column"),
        Sample(
            "A-2,C-2,0.6180,10,5", "A-2,C-2,0.6180,ten,5",
            "site.csv:3: alarm_1 'ten' is no amount of money; write it like 12.50, at most six decimals"),
        Sample(
            "A-2,C-2,0.6180,10,5,0,2000,50", "A-2,C-2,0.6180,10,5,0,2000,2001",
            "site.csv:3: opening_balance 2001.00 is not between 0 and the hoarding cap; correct it"),
        Sample("R-1,bus1,100,", "R-1,bus1,248,", "site.csv:4: unit '248' is no Modbus unit; write 1 to 247"),
        Sample("R-1,bus1,100,", "R-1,bus1,0,", "site.csv:4: unit '0' is no Modbus unit; write 1 to 247"),
        Sample("R-1,bus1,", "R-1,bus3,", "site.csv:4: the bus 'bus3' is not in gateway.yaml; use one of bus1, bus2"),
        Sample(
            "13800,bus1", "13.8,bus1",
            "site.csv:3: rated_watts '13.8' is no power in W; write a whole number like 13800 (60 A at 230 V)"),
        Sample("R-1,bus1,100", "R-1,,bus1,100", "site.csv:4: 18 cells, the header has 17; add or remove commas"),
        Sample(
            "M-2,bus1,2,eastron-sdm120,", "M-2,bus1,2,eastron-sdm120,M-1",
            "site.csv:3: the circuit 'M-1' is there twice; give each circuit its own name"),
    ]

    @Test("one thing wrong", arguments: samples)
    func oneThingWrong(sample: Sample) throws {
        let text = good.replacingOccurrences(of: sample.change.0, with: sample.change.1)
        try #require(text != good)
        let messages = try messages(of: text)
        #expect(messages.first == sample.message)
    }

    @Test("the good file has nothing wrong")
    func nothingWrong() throws { #expect(try messages(of: good) == []) }

    @Test("an empty file")
    func empty() throws {
        #expect(
            try messages(of: "# only a comment\n") == ["site.csv: the file is empty; start from etc/meters.example.csv"]
        )
    }

    @Test("everything wrong is said at once, by line")
    func everythingAtOnce() throws {
        let text = good.replacingOccurrences(of: "bus1,100", with: "bus1,248")
            .replacingOccurrences(of: "C-1,0.6180", with: "C-1,free")
        let lines = try messages(of: text).compactMap { $0.split(separator: ":").dropFirst().first }
        #expect(lines == ["2", "3", "4"])
    }

    @Test("etc/meters.example.csv is a site of two circuits, one behind a relay board")
    func example() throws {
        let plan = try SiteImport(
            file: "meters.example.csv", text: try EtcFolder.text("meters.example.csv"),
            profiles: try EtcFolder.profiles(), buses: try buses())
        #expect(plan.site.meters.map(\.id.rawValue) == ["M-101", "M-102", "R-1"])
        #expect(plan.site.accounts.map(\.id.rawValue) == ["A-101", "A-102"])
        #expect(plan.site.accounts.allSatisfy { $0.balance == .zero })
        let bus = try #require(BusID(rawValue: "bus1"))
        let own = BreakerAddress(device: try #require(UnitAddress(bus: bus, unit: 1)), point: 1)
        let board = BreakerAddress(device: try #require(UnitAddress(bus: bus, unit: 100)), point: 1)
        #expect(plan.site.circuits.map(\.breaker) == [own, board])
        #expect(plan.openings.values.map(\.microunits) == [50_000_000, 50_000_000])
    }

    @Test("an account of two circuits is described once")
    func twoCircuits() throws {
        let text = good.replacingOccurrences(
            of: "A-2,C-2,0.6180,10,5,0,2000,50", with: "A-1,,,,,,,")
        let plan = try SiteImport(
            file: "site.csv", text: text, profiles: try EtcFolder.profiles(), buses: try buses())
        #expect(plan.site.accounts.count == 1)
        #expect(plan.site.circuits.map { $0.account?.rawValue } == ["A-1", "A-1"])
    }

    @Test("columns in another order, quotes, comments and line ends of another system are the same file")
    func sameFile() throws {
        let plain = "meter,bus,unit,profile\nM-1,bus1,1,eastron-sdm120\n"
        let dressed = "\r\n# the first floor\r\n\"unit\",bus , meter,profile\r\n1,bus1,\"M-1\",eastron-sdm120"
        func site(_ text: String) throws -> [SiteMeter] {
            try SiteImport(file: "f", text: text, profiles: try EtcFolder.profiles(), buses: try buses()).site.meters
        }
        #expect(try site(plain) == site(dressed))
        #expect(try site(plain).count == 1)
    }

    private func buses() throws -> Set<BusID> {
        [try #require(BusID(rawValue: "bus1")), try #require(BusID(rawValue: "bus2"))]
    }

    private func messages(of text: String) throws -> [String] {
        let (profiles, buses) = (try EtcFolder.profiles(), try buses())
        do {
            _ = try SiteImport(file: "site.csv", text: text, profiles: profiles, buses: buses)
            return []
        } catch { return error.problems.map(\.description) }
    }
}
