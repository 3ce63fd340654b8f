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
        #expect(profiles.count >= 16)
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
                    let scaleWord = register.scaleRegister.map { _ in UInt16(1) }
                    guard let value = register.decode(words, scaleWord: scaleWord) else { continue }
                    let encoded = try #require(
                        register.encode(value, scaleWord: scaleWord), "\(profile.id) \(register.channel) \(value)")
                    #expect(
                        register.decode(encoded, scaleWord: scaleWord) == value, "\(profile.id) \(register.channel)")
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

    @Test("no two values share a bit of a register")
    func overlap() {
        for profile in profiles {
            for table in RegisterTable.allCases {
                let used = profile.registers.filter { $0.table == table }.flatMap { register in
                    (0..<register.encoding.registerCount).flatMap { index in
                        (0..<16).filter { register.bits?.contains($0) ?? true }
                            .map { (Int(register.address) + index) * 16 + $0 }
                    }
                }
                #expect(Set(used).count == used.count, "\(profile.id)")
            }
        }
    }

    /// A scan compares what `identify` names; without it, it looks whether voltage or frequency stand where
    /// the model has them.
    @Test("models that a scan cannot tell apart name each other")
    func ambiguity() {
        for profile in profiles {
            for other in profiles where other.id != profile.id {
                let isDeclared = profile.resembles.contains(other.id)
                #expect(isDeclared == other.resembles.contains(profile.id), "\(profile.id) and \(other.id)")
                let looksAlike =
                    profile.identification.isEmpty && other.identification.isEmpty
                    && !profile.looks.isDisjoint(with: other.looks)
                if looksAlike { #expect(isDeclared, "\(profile.id) and \(other.id)") }
            }
            for name in profile.resembles { #expect(profiles.contains { $0.id == name }, "\(profile.id): \(name)") }
        }
    }

    @Test("every setting stands in its registers as it was put there, and is written only where it can be")
    func settings() throws {
        for profile in profiles {
            for setting in profile.settings {
                let value = SettingValue.number(setting.factory ?? max(setting.range.lowerBound, 2_000))
                let words = try #require(setting.encode(value), "\(profile.id) \(setting.name)")
                #expect(words.count == setting.registerCount)
                #expect(setting.decode(words) == value, "\(profile.id) \(setting.name)")
                if setting.write != nil {
                    #expect(setting.table == .holding)
                    #expect(setting.writing(value) != nil)
                }
                let own = setting.address..<(setting.address + UInt16(setting.registerCount))
                for register in profile.registers where register.table == setting.table {
                    #expect(!own.contains(register.address), "\(profile.id) \(setting.name)")
                }
            }
        }
    }

    @Test("what is billed is fetched by every poll and counts in the step it says")
    func billing() throws {
        for profile in profiles where profile.commodity != nil {
            let billing = try #require(profile.billing, "\(profile.id)")
            let register = try #require(
                profile.registers(upTo: .fast).first { $0.channel == billing.channel }, "\(profile.id)")
            // 200 MWh, or all that the register shows.
            let full = min(200_000_000, billing.modulus.map { $0 - billing.step } ?? .max)
            let words = try #require(register.encode(full))
            let shown = try #require(register.decode(words))
            let next = try #require(register.encode(shown + billing.step).flatMap { register.decode($0) })
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
            + PowerUpPosition.allCases.map(\.rawValue) + SettingName.allCases.map(\.rawValue)
            + ClockLayout.allCases.map(\.rawValue) + ScaleRegister.Meaning.allCases.map(\.rawValue)
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

extension MeterProfile {
    /// Where a scan looks for values it can judge.
    fileprivate var looks: Set<String> {
        Set(
            [Quantity.voltage, .frequency].compactMap { quantity in
                registers.first { $0.channel.quantity == quantity }.map {
                    "\($0.table) \($0.address) \($0.encoding) \($0.order) \($0.scale)"
                }
            })
    }
}
