import Metering
import Prepaid
import Testing

@Suite("Money, prices and charges")
struct MoneyTests {
    @Test(
        "decimal text is read exactly or not at all",
        arguments: [
            ("12", 12_000_000), ("12.5", 12_500_000), ("-0.000001", -1), ("0.618034", 618_034),
            ("9223372036854.775807", Int64.max), ("9223372036854.775808", nil), ("1e2", nil), ("1.", nil), (".5", nil),
            ("+1", nil), ("1,5", nil), ("1.0000001", nil), ("", nil), ("-", nil), (" 1", nil), ("٣", nil),
        ] as [(String, Int64?)])
    func decimalText(text: String, microunits: Int64?) {
        #expect(Money(decimal: text)?.microunits == microunits)
    }

    @Test("money reads back from its own text", arguments: [0, 1, -1, 999_999, -1_000_000, Int64.max, Int64.min + 1])
    func roundTrip(microunits: Int64) {
        let money = Money(microunits: microunits)
        #expect(Money(decimal: money.description) == money)
    }

    @Test("0.01 kWh at a whole price never leaves a remainder")
    func registerStep() throws {
        for price in [1, 3, 6_180, 1_000_000_000] as [Int64] {
            let charge = try #require(Price(tenThousandths: price)?.charge(quantity: 10))
            #expect(charge == Charge(amount: Money(microunits: price), carryTenths: 0))
        }
    }

    @Test("charges of parts add up to the charge of the whole, however it is cut")
    func additive() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let price = try #require(Price(tenThousandths: .random(in: 0...50_000, using: &generator)))
            var carry: Int64 = 0
            var sum: Int64 = 0
            var total: Int64 = 0
            for _ in 0..<20 {
                let part = Int64.random(in: 0...5_000, using: &generator)
                let charge = try #require(price.charge(quantity: part, carryTenths: carry))
                sum += charge.amount.microunits
                carry = charge.carryTenths
                total += part
            }
            let whole = try #require(price.charge(quantity: total))
            #expect(whole == Charge(amount: Money(microunits: sum), carryTenths: carry))
        }
    }

    @Test("what does not fit is refused")
    func overflow() throws {
        #expect(Price(tenThousandths: -1) == nil)
        #expect(Price(tenThousandths: Price.largest + 1) == nil)
        let dearest = try #require(Price(tenThousandths: Price.largest))
        #expect(dearest.charge(quantity: .max) == nil)
        #expect(dearest.charge(quantity: -1) == nil)
        #expect(Money(microunits: .min).negated == nil)
        #expect(Money(microunits: .max).adding(.oneMicrounit) == nil)
    }
}
