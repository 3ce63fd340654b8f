import MeterProfiles
import Metering
import Testing

@Suite("Registers and what they mean")
struct DecodingTests {
    /// Answers as the models give them: the registers of one read, and what must come out.
    struct Frame: Sendable, CustomTestStringConvertible {
        let profile: String
        let table: RegisterTable
        let address: UInt16
        let words: [UInt16]
        let values: [String: Int64]
        var testDescription: String { "\(profile) at 0x\(String(address, radix: 16))" }
    }

    static let frames: [Frame] = [
        // 230.2 V; 0.43 A; 95.5 W
        Frame(
            profile: "eastron-sdm120", table: .input, address: 0,
            words: [0x4366, 0x3333, 0, 0, 0, 0, 0x3EDC, 0x28F6, 0, 0, 0, 0, 0x42BF, 0x0000],
            values: ["voltage": 230_200, "current": 430, "active_power": 95_500]),
        // 1234.567 kWh
        Frame(
            profile: "eastron-sdm120", table: .input, address: 0x48, words: [0x449A, 0x5225],
            values: ["energy_import": 1_234_567]),
        // Total power -1500 W (exporting), 2.5 kvar
        Frame(
            profile: "eastron-sdm630", table: .input, address: 0x34,
            words: [0xC4BB, 0x8000, 0, 0, 0, 0, 0, 0, 0x451C, 0x4000],
            values: ["active_power": -1_500_000, "apparent_power": 0, "reactive_power": 2_500_000]),
        // 81234.56 kWh; 229.7 V; 12.34 A; -0.250 kW
        Frame(
            profile: "acrel-ddsy1352", table: .holding, address: 0,
            words: [0x007B, 0xF440, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2297, 1234, 0xFF06],
            values: [
                "energy_import": 81_234_560, "energy_sharp": 0, "energy_peak": 0, "energy_flat": 0, "energy_valley": 0,
                "voltage": 229_700, "current": 12_340, "active_power": -250_000,
            ]),
        // 230.1 V, 5.25 A; 1.205 kW, 0.310 kvar; PF 0.968
        Frame(
            profile: "acrel-ddsy1352-block", table: .holding, address: 0x201,
            words: [2301, 0, 0, 525, 0, 0, 1205, 0, 0, 1205, 310, 0, 0, 310, 968, 0, 0, 968],
            values: [
                "voltage": 230_100, "current": 5_250, "active_power": 1_205_000, "reactive_power": 310_000,
                "power_factor": 968,
            ]),
        Frame(
            profile: "acrel-ddsy1352-block", table: .holding, address: 0x215, words: [0x0001, 0x86A1],
            values: ["energy_import": 1_000_010]),
    ]

    @Test("a recorded answer is decoded as the manual says", arguments: frames)
    func decoded(frame: Frame) throws {
        let profile = try #require(try ShippedProfiles.library()[frame.profile])
        let request = try #require(ReadRequest(table: frame.table, address: frame.address, count: frame.words.count))
        let values = profile.decode(request, frame.words)
        let named = Dictionary(uniqueKeysWithValues: values.map { ($0.0.channel.name, $0.1) })
        #expect(named == frame.values)
    }

    private func register(
        _ encoding: RegisterEncoding, _ order: WordOrder = .abcd,
        scale: ScaleFactor = .init(numerator: 1, denominator: 1),
        invalid: Set<UInt64> = []
    ) -> RegisterDefinition {
        RegisterDefinition(
            channel: Channel(.energyImport), table: .holding, address: 0, encoding: encoding, order: order,
            scale: scale, pollClass: .normal, invalid: invalid)
    }

    @Test(
        "word orders",
        arguments: [
            (WordOrder.abcd, [0x1122, 0x3344]), (.cdab, [0x3344, 0x1122]), (.badc, [0x2211, 0x4433]),
            (.dcba, [0x4433, 0x2211]),
        ] as [(WordOrder, [UInt16])])
    func wordOrder(order: WordOrder, words: [UInt16]) {
        #expect(register(.u32, order).decode(words) == 0x1122_3344)
        #expect(register(.u32, order).encode(0x1122_3344) == words)
    }

    @Test("every encoding in every order shows what was put in", arguments: RegisterEncoding.allCases)
    func everyOrder(encoding: RegisterEncoding) throws {
        var generator = SeededGenerator(seed: 3)
        for order in WordOrder.allCases {
            for _ in 0..<100 {
                // 24 bits fit a float32 exactly; 15 every integer.
                let value = Int64.random(in: 0..<(encoding.registerCount == 1 ? 1 << 15 : 1 << 24), using: &generator)
                let words = try #require(register(encoding, order).encode(value))
                #expect(words.count == encoding.registerCount)
                #expect(register(encoding, order).decode(words) == value)
                guard encoding.isSigned else { continue }
                let negative = try #require(register(encoding, order).encode(-value))
                #expect(register(encoding, order).decode(negative) == -value)
            }
        }
    }

    @Test("the ends of the range come through")
    func extremes() {
        #expect(register(.i64).decode([0x8000, 0, 0, 0]) == .min)
        #expect(register(.i64).decode([0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]) == .max)
        #expect(register(.i32).decode([0x8000, 0]) == -2_147_483_648)
        #expect(register(.u32).decode([0xFFFF, 0xFFFF]) == 4_294_967_295)
        let kilo = ScaleFactor(numerator: 1000, denominator: 1)
        #expect(register(.i64, scale: kilo).decode([0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]) == nil)
        #expect(register(.i64, invalid: [.max]).decode([0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]) == nil)
    }

    @Test("no number is no value, never a zero")
    func notANumber() {
        for bits in [Float32.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
            let words = [UInt16(bits.bitPattern >> 16), UInt16(truncatingIfNeeded: bits.bitPattern)]
            #expect(register(.float32, scale: .init(numerator: 1000, denominator: 1)).decode(words) == nil)
        }
        #expect(register(.u16, invalid: [0xFFFF]).decode([0xFFFF]) == nil)
        #expect(register(.u64).decode([0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]) == nil)
        #expect(register(.u32).decode([1]) == nil)
    }

    @Test("scales round to nearest, ties away from zero")
    func rounding() {
        let tenth = ScaleFactor(numerator: 1, denominator: 10)
        for (raw, value) in [(4, 0), (5, 1), (14, 1), (15, 2), (-5, -1), (-4, 0), (-15, -2)] as [(Int16, Int64)] {
            #expect(register(.i16, scale: tenth).decode([UInt16(bitPattern: raw)]) == value)
        }
    }

    @Test("what does not fit a register is not encoded")
    func tooLarge() {
        #expect(register(.u16).encode(65_536) == nil)
        #expect(register(.i16).encode(-32_769) == nil)
        #expect(register(.u32).encode(-1) == nil)
    }
}

extension RegisterEncoding {
    fileprivate var isSigned: Bool { [.i16, .i32, .i64, .float32].contains(self) }
}
