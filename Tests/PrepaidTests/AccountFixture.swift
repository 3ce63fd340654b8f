import Metering
import Prepaid
import Testing

/// Shorthand for accounts, circuits and moments in tests.
enum AccountFixture {
    static let account = "A-101"
    static let customer = "C-7788"
    static let issuer = "platform"

    static func money(_ text: String) throws -> Money { try #require(Money(decimal: text)) }

    static func settings(
        price: String = "0.6180", alarm1: String = "10", alarm2: String = "5", hysteresis: String = "0.000001",
        overdraft: String = "0", minimumToReclose: String = "0.000001", cap: String = "1000"
    ) throws -> AccountSettings {
        try AccountSettings(
            price: try #require(Price(decimal: price)), alarm1: money(alarm1), alarm2: money(alarm2),
            hysteresis: money(hysteresis), overdraftLimit: money(overdraft),
            minimumToReclose: money(minimumToReclose), hoardingCap: money(cap))
    }

    static func open(
        balance: String = "0", carryTenths: Int64 = 0, lastRecharge: Int64 = 0, settings: AccountSettings? = nil
    ) throws -> Account {
        Account(
            id: try #require(AccountID(rawValue: account)), customerNumber: customer, issuer: issuer,
            balance: try money(balance), carryTenths: carryTenths, lastRechargeNumber: lastRecharge,
            settings: try settings ?? Self.settings())
    }

    /// A 13.8 kW circuit whose meter counts 0.01 kWh and rolls over at 1,000,000 kWh.
    static let counter = CounterRules(modulus: 1_000_000_000, step: 10, ratedPerHour: 13_800)

    static func circuit(_ name: String, commodity: Commodity = .electricity, unit: UInt8 = 1) throws -> SiteCircuit {
        let bus = try #require(BusID(rawValue: "b1"))
        return SiteCircuit(
            id: try #require(CircuitID(rawValue: name)), account: AccountID(rawValue: account),
            meter: try #require(MeterID(rawValue: "M-\(name)")), commodity: commodity, counter: counter,
            breaker: BreakerAddress(device: try #require(UnitAddress(bus: bus, unit: unit)), point: 1))
    }

    static let boot = BootID(rawValue: "boot-1")

    /// A moment of one boot on a trusted clock, unless said otherwise.
    static func at(_ seconds: Int64, boot: BootID = boot, trust: ClockTrust = .trusted) -> Timestamp {
        Timestamp(
            boot: boot, monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
            wall: WallTime(millisecondsSince1970: 1_760_000_000_000 + seconds * 1_000), trust: trust)
    }

    static func mark(_ value: Int64, _ seconds: Int64 = 0) -> CounterMark { CounterMark(value: value, at: at(seconds)) }
}
