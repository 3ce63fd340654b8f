import BusSurvey
import MeterProfiles
import Metering
import Testing

@Suite("Frames in words")
struct FrameWordsTests {
    @Test(
        "requests",
        arguments: [
            ([5, 4, 0, 0, 0, 14], "read input 0x0000 x 14"), ([5, 1, 0, 0, 0, 8], "read coils 0x0000 x 8"),
            ([5, 5, 0, 3, 0xFF, 0], "write coil 0x0003 on"), ([5, 5, 0, 3, 0, 0], "write coil 0x0003 off"),
            ([5, 6, 0, 0x1C, 0, 2], "write 0x001C = 2"),
            ([5, 16, 0, 0x57, 0, 2, 4, 0, 1, 0, 0], "write 0x0057 x 2 = 1 0"),
            ([5, 0x2B, 14, 1, 0, 0], "function 43: 0E 01 00 00"), ([5, 4], "unreadable: 05 04"),
        ] as [([UInt8], String)])
    func request(frame: [UInt8], words: String) { #expect(FrameWords.request(frame) == words) }

    @Test("values by their profile, in the units people use; registers where there is none")
    func values() throws {
        let read = try #require(ReadRequest(table: .input, address: 0, count: 1))
        #expect(FrameWords.values([2301], of: read, profile: profile("alpha", mark: nil)) == "voltage 230.1 V")
        #expect(FrameWords.values([0x8FD, 0x1F], of: read, profile: nil) == "08FD 001F")
        #expect(FrameWords.exception(2) == "exception 2 (illegal data address)")
        #expect(FrameWords.exception(77) == "exception 77")
    }

    @Test("every reason for no data says where and what to do")
    func remedies() throws {
        let bus = try #require(BusID(rawValue: "bus1"))
        let address = try #require(UnitAddress(bus: bus, unit: 7))
        for reason in NoDataReason.allCases {
            let words = InstallerWords.remedy(reason, at: address, profile: "alpha")
            #expect(words.contains("bus1"), "\(words)")
            #expect(words.contains(";"), "\(words)")
        }
    }

    @Test("nobody is told to plug in an adapter where the port is in the network")
    func ports() throws {
        let bus = try #require(BusID(rawValue: "bus1"))
        #expect(InstallerWords.portGone(bus, "/dev/ttyUSB0").contains("plug the adapter in"))
        let words = InstallerWords.portGone(bus, "tcp://10.0.0.9:4196?framing=rtu")
        #expect(!words.contains("adapter"))
        for check in ["bus1", "tcp://10.0.0.9:4196", "power", "cable", "address", "port"] {
            #expect(words.contains(check), "\(words)")
        }
    }
}
