import Concentrator
import Foundation
import MeterProfiles
import Metering
import Testing

@Suite("What is known of a bus before it runs")
struct BusPlanTests {
    private let profiles: ProfileLibrary
    private let bus: BusID
    private let periods = PollSchedule.Periods(fast: .seconds(1), normal: .seconds(5), slow: .seconds(60))

    init() throws {
        profiles = try EtcFolder.profiles()
        bus = try #require(BusID(rawValue: "bus1"))
    }

    private func plan(_ count: Int, baud: Int, profile: String = "eastron-sdm120") throws -> BusPlan {
        let meters = try (1...count).map { unit in
            let id = try #require(MeterID(rawValue: "M-\(unit)"))
            return SiteMeter(
                id: id, address: try #require(UnitAddress(bus: bus, unit: UInt8(unit))), profile: profile)
        }
        let serial = SerialFormat(baud: baud, parity: .none, stopBits: 1)
        return BusPlan(
            BusConfiguration(id: bus, port: "/dev/null", serial: serial), meters: meters, profiles: profiles,
            periods: periods)
    }

    @Test("a full bus of 247 meters keeps three minutes at 9600, with every class stated")
    func full() throws {
        let plan = try plan(247, baud: 9600)
        #expect(plan.freshness.keepsNormalAge)
        #expect(plan.warning == [])
        let text = plan.lines.joined(separator: "\n")
        #expect(text.contains("247 devices, asked in turn"), "\(text)")
        #expect(text.contains("normal values at most") && text.contains("slow ones"), "\(text)")
        #expect(text.contains("with 25 in the fast class"), "\(text)")
    }

    @Test("the turnaround that is taken for granted is said, and what a slower one would make of it")
    func turnarounds() throws {
        let plan = try plan(247, baud: 9600)
        let line = try #require(plan.lines.first { $0.contains("meters taken to answer") })
        #expect(line.contains("within 20 ms; within 100 ms normal values get 3 min 35 s old"), "\(line)")
        #expect(plan.lines.first?.contains("normal values at most 106 s old") == true, "\(plan.lines)")
    }

    @Test("where values get too old, the warning says by how much and what to change")
    func tooOld() throws {
        let plan = try plan(247, baud: 1200, profile: "eastron-sdm630")
        let warning = try #require(plan.warning.first)
        #expect(warning.contains("bus bus1: normal values get"), "\(warning)")
        #expect(warning.contains("more than 3 min; set the meters and the bus to"), "\(warning)")
        #expect(warning.contains("of the 247 devices to another bus"), "\(warning)")
    }

    @Test("what the warning advises is enough")
    func advice() throws {
        let slow = try plan(247, baud: 1200, profile: "eastron-sdm630")
        let words = try #require(slow.warning.first).split(separator: " ").map(String.init)
        let baud = try #require(words.firstIndex(of: "baud").flatMap { Int(words[$0 - 1]) })
        #expect(try plan(247, baud: baud, profile: "eastron-sdm630").freshness.keepsNormalAge)
        let moved = try #require(words.firstIndex(of: "move").flatMap { Int(words[$0 + 1]) })
        #expect(try plan(247 - moved, baud: 1200, profile: "eastron-sdm630").freshness.keepsNormalAge)
        #expect(try !plan(247 - moved + 1, baud: 1200, profile: "eastron-sdm630").freshness.keepsNormalAge)
    }
}
