import Foundation
import MeterProfiles
import Metering
import Testing

/// A generator with a seed, so that a failure can be seen again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("Laws that every shipped profile keeps")
struct ProfileLawTests {
    private let profiles: [MeterProfile]

    init() throws { profiles = try ShippedProfiles.library().all }

    @Test("all of them load together")
    func load() {
        #expect(profiles.count >= 5)
    }

    @Test("a value that a register can show is decoded as it was encoded")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 1)
        for profile in profiles {
            for register in profile.registers {
                for _ in 0..<50 {
                    let count = register.encoding.registerCount
                    // A register's own words, small enough that the scaled value fits.
                    var words = (0..<count).map { _ in UInt16.random(in: 0...0x7FFF, using: &generator) }
                    if register.encoding == .float32 {
                        let value = Float32(Int.random(in: 0...99_999, using: &generator)) / 8
                        words = [UInt16(value.bitPattern >> 16), UInt16(truncatingIfNeeded: value.bitPattern)]
                    }
                    guard let value = register.decode(words) else { continue }
                    let encoded = try #require(register.encode(value), "\(profile.id) \(register.channel) \(value)")
                    #expect(register.decode(encoded) == value, "\(profile.id) \(register.channel)")
                }
            }
        }
    }

    @Test("a read plan fetches every wanted register within the model's limits")
    func plans() {
        for profile in profiles {
            for pollClass in PollClass.allCases {
                for baud in [2400, 9600, 115_200] {
                    let wanted = profile.registers(upTo: pollClass)
                    let plan = ReadPlan(
                        wanted: wanted, limits: profile.limits,
                        serial: SerialFormat(baud: baud, parity: .none, stopBits: 1), turnaround: .milliseconds(8))
                    for request in plan.requests { #expect(request.count <= profile.limits.registersPerRead) }
                    for register in wanted {
                        let holders = plan.requests.filter {
                            $0.table == register.table && $0.address <= register.address
                                && Int(register.address) + register.encoding.registerCount
                                    <= Int($0.address) + $0.count
                        }
                        #expect(holders.count == 1, "\(profile.id) \(register.channel)")
                    }
                }
            }
        }
    }

    @Test("no two values share a register")
    func overlap() {
        for profile in profiles {
            for table in RegisterTable.allCases {
                let used = profile.registers.filter { $0.table == table }.flatMap { register in
                    (0..<register.encoding.registerCount).map { Int(register.address) + $0 }
                }
                #expect(Set(used).count == used.count, "\(profile.id)")
            }
        }
    }

    @Test("what is billed is fetched by the normal poll and counts in the step it says")
    func billing() throws {
        for profile in profiles where profile.commodity != nil {
            let billing = try #require(profile.billing, "\(profile.id)")
            let register = try #require(
                profile.registers(upTo: .normal).first { $0.channel == billing.channel }, "\(profile.id)")
            // 200 MWh, or all that the register shows.
            let full = min(200_000_000, billing.modulus.map { $0 - billing.step } ?? .max)
            let words = try #require(register.encode(full))
            let shown = try #require(register.decode(words))
            let next = try #require(register.encode(shown + billing.step).flatMap(register.decode))
            #expect(next > shown && next - shown <= billing.step, "\(profile.id)")
        }
    }

    @Test("the manual names every quantity, encoding, order and unit")
    func documented() throws {
        let manual = try String(
            contentsOf: ShippedProfiles.folder.appending(path: "../../docs/profiles.md"), encoding: .utf8)
        let words =
            Quantity.allCases.map(\.rawValue) + RegisterEncoding.allCases.map(\.rawValue)
            + WordOrder.allCases.map(\.rawValue) + PollClass.allCases.map(\.rawValue)
            + PowerUpPosition.allCases.map(\.rawValue)
        for word in words { #expect(manual.contains("`\(word)`"), "\(word)") }
    }

    @Test("every switch is moved two ways and read back")
    func relays() {
        for profile in profiles {
            guard let relay = profile.relay else { continue }
            #expect(Set(relay.points.map(\.point)) == Set(1...relay.points.count))
            for point in relay.points {
                #expect(point.open != point.close)
                #expect(point.readback.request != nil)
            }
        }
    }

    @Test("an unverified map says so in its header")
    func unverified() throws {
        for (name, text) in try ShippedProfiles.files() {
            let profile = try ProfileFile(file: name, text: text).profile
            if !profile.isVerified { #expect(text.contains("check it on a real meter"), "\(name)") }
        }
    }
}
