internal import Concentrator
internal import Metering
internal import Prepaid
public import Storage
public import UplinkProtocol

/// What the local API shows, as JSON. What is not known is null, never a zero.
public enum MeterJSON {
    static func circuit(_ status: CircuitStatus, now: Timestamp) -> JSONValue {
        let age = status.reading.flatMap { now.elapsed(since: $0.at)?.wholeMilliseconds }
        var members: [String: JSONValue] = [
            "circuit": .string(status.circuit.rawValue), "meter": .string(status.meter.rawValue),
            "address": .string(status.address.description), "account": text(status.account?.rawValue),
            "no_data": text(status.noData?.rawValue), "age_ms": number(age),
            "balance_microunits": number(status.balance?.microunits), "alarm": text(status.alarm?.name),
            "breaker": text(status.hasBreaker ? status.breaker?.rawValue : "none"),
            "breaker_address": text(status.breakerAddress?.description),
            "wanted": text(status.decision?.want.rawValue), "rule": text(status.decision?.rule.rawValue),
            "doubt": text(status.decision?.doubt?.rawValue), "quarantined": .boolean(status.isQuarantined),
            "opened_elsewhere": .boolean(status.isOpenedElsewhere), "waits_for": text(status.waitsFor?.name),
        ]
        let values = status.reading?.values.map { ($0.key.name, JSONValue.integer($0.value)) } ?? []
        members["values"] = .object(Dictionary(values) { first, _ in first })
        return .object(members)
    }

    static func device(_ meter: SiteMeter) -> JSONValue {
        .object([
            "meter": .string(meter.id.rawValue), "address": .string(meter.address.description),
            "profile": .string(meter.profile),
        ])
    }

    /// What `ledger verify` answers.
    public static func verification(_ verification: LedgerVerification) -> JSONValue {
        let balances = verification.balances.map { ($0.key.rawValue, JSONValue.integer($0.value.microunits)) }
        return .object([
            "records": .integer(verification.records), "sound": .boolean(verification.isSound),
            "head": .object([
                "seq": .integer(verification.head.sequence), "hash": .string(verification.head.hash.description),
            ]),
            "balances_microunits": .object(Dictionary(balances) { first, _ in first }),
            "faults": .array((verification.faults + verification.archiveFaults).map(JSONValue.string)),
        ])
    }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
    private static func number(_ number: Int64?) -> JSONValue { number.map(JSONValue.integer) ?? .null }
}
