import MeterProfiles
import Metering
import Testing

@Suite("What one device refuses is planned around")
struct LearnedHolesTests {
    private let profile: MeterProfile

    init() throws { profile = try #require(try ShippedProfiles.library()["eastron-sdm120"]) }

    private func plan(_ holes: LearnedHoles) -> [ReadRequest] {
        ReadPlan(
            wanted: profile.registers, limits: profile.limits,
            serial: SerialFormat(baud: 9600, parity: .none, stopBits: 1), turnaround: .milliseconds(8), holes: holes
        ).requests
    }

    @Test("a refused read is split at its gaps, then at its joints, and a single register left out")
    func learn() throws {
        var holes = LearnedHoles()
        let billed: Set<Channel> = profile.billing.map { [$0.channel] } ?? []
        var turns = 0
        // A device that knows nothing but what is billed.
        while let refused = plan(holes).first(where: { request in
            let inside = profile.registers.filter {
                $0.table == request.table
                    && (request.address..<request.address + UInt16(request.count)).contains($0.address)
            }
            return inside.count > 1 || !inside.contains { billed.contains($0.channel) }
        }) {
            let isNew = holes.learn(refusalOf: refused, wanted: profile.registers, needed: billed)
            #expect(isNew)
            turns += 1
            try #require(turns < 100)
        }
        let left = plan(holes)
        #expect(left.count == 1)
        let last = try #require(left.first)
        let isNew = holes.learn(refusalOf: last, wanted: profile.registers, needed: billed)
        #expect(!isNew)
        #expect(LearnedHoles(text: holes.text) == holes)
    }

    @Test("a barrier only splits, and all values are fetched still")
    func barrier() throws {
        var holes = LearnedHoles()
        let longest = try #require(plan(holes).max { $0.count < $1.count })
        let isNew = holes.learn(refusalOf: longest, wanted: profile.registers, needed: [])
        #expect(isNew)
        for register in profile.registers {
            #expect(
                plan(holes).contains { request in
                    request.table == register.table && request.address <= register.address
                        && Int(register.address) + register.encoding.registerCount <= Int(request.address)
                            + request.count
                })
        }
        #expect(!plan(holes).contains(longest))
    }

    @Test("words that are none are left out")
    func text() { #expect(LearnedHoles(text: "B4:72 X4:1 B9:1 M4:70000 M3:5 B").text == "B4:72 M3:5") }
}
