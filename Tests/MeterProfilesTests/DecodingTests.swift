import MeterProfiles
import Metering
import Testing

@Suite("Registers and what they mean")
struct DecodingTests {
    @Test("a recorded answer is decoded as the manual says", arguments: ModelAnswers.all)
    func decoded(frame: ModelAnswer) throws {
        let profile = try #require(try ShippedProfiles.library()[frame.profile])
        let request = try #require(ReadRequest(table: frame.table, address: frame.address, count: frame.words.count))
        let values = profile.decode(request, frame.words)
        let named = Dictionary(uniqueKeysWithValues: values.map { ($0.0.channel.name, $0.1) })
        #expect(named == frame.values)
    }

    @Test("every shipped meter model has an answer to hold it to")
    func everyModel() throws {
        let answered = Set(ModelAnswers.all.map(\.profile))
        for profile in try ShippedProfiles.library().all where !profile.registers.isEmpty {
            #expect(answered.contains(profile.id), "\(profile.id)")
        }
    }

    @Test("binary coded decimals, and what is none")
    func decimals() {
        #expect(register(.bcd32).decode([0x0012, 0x3456]) == 123_456)
        #expect(register(.bcd16).encode(9_999) == [0x9999])
        #expect(register(.bcd16).encode(10_000) == nil)
        #expect(register(.bcd16).encode(-1) == nil)
        #expect(register(.bcd32, .cdab).decode([0x3456, 0x0012]) == 123_456)
        #expect(register(.bcd16).decode([0x1A00]) == nil)
    }

    @Test("a bit field shows its own bits and writes no others")
    func bitField() {
        let field = RegisterDefinition(
            channel: Channel(.state), table: .holding, address: 0, encoding: .u16, order: .abcd,
            scale: ScaleFactor(numerator: 1, denominator: 1), pollClass: .slow, invalid: [], bits: 5...7)
        #expect(field.decode([0xFFBF]) == 5)
        #expect(field.encode(5) == [0x00A0])
        #expect(field.encode(8) == nil)
        #expect(field.mask == 0x00E0)
    }

    @Test("a scale register is read with its value and applied to it")
    func scaleRegister() throws {
        func scaled(_ meaning: ScaleRegister.Meaning) -> RegisterDefinition {
            RegisterDefinition(
                channel: Channel(.energyImport), table: .holding, address: 10, encoding: .u16, order: .abcd,
                scale: ScaleFactor(numerator: 10, denominator: 1), pollClass: .normal, invalid: [],
                scaleRegister: ScaleRegister(address: 14, meaning: meaning))
        }
        #expect(scaled(.factor).decode([7], scaleWord: 40) == 2_800)
        #expect(scaled(.powerOfTen).decode([7], scaleWord: 2) == 7_000)
        #expect(scaled(.powerOfTen).decode([70], scaleWord: 0xFFFE) == 7)
        // A ratio of zero, a power out of reach, and no word at all are no reading.
        #expect(scaled(.factor).decode([7], scaleWord: 0) == nil)
        #expect(scaled(.powerOfTen).decode([7], scaleWord: 10) == nil)
        #expect(scaled(.factor).decode([7]) == nil)
        let limits = ReadLimits(
            registersPerRead: 20, requestGap: .zero, allowsGaps: false, responseTimeout: .milliseconds(100))
        let plan = ReadPlan(
            wanted: [scaled(.factor)], limits: limits,
            serial: SerialFormat(baud: 9600, parity: .none, stopBits: 1), turnaround: .zero)
        #expect(plan.requests == [try #require(ReadRequest(table: .holding, address: 10, count: 5))])
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
                // 24 bits fit a float32 exactly; four digits every other encoding.
                let value = Int64.random(in: 0..<(encoding.registerCount == 1 ? 9_999 : 1 << 24), using: &generator)
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
