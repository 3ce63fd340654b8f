internal import Metering
internal import Prepaid

extension Command.Body {
    static func meters(_ kind: String, _ reader: inout ObjectReader) throws(FieldProblem) -> Self? {
        switch kind {
        case "add_meter": return .meter(.add(try addition(&reader)))
        case "replace_meter": return .meter(.replace(try exchange(&reader)))
        case "remove_meter": return .meter(.remove(try reader.identifier("meter", Meter.self)))
        case "expected_settings": return .meter(.expect(try subjects(&reader), try reader.settingValues("settings")))
        default: return nil
        }
    }

    /// Meters, or the one model whose meters are meant.
    private static func subjects(_ reader: inout ObjectReader) throws(FieldProblem) -> [ExpectedSettings.Subject] {
        guard let profile = try reader.optionalText("profile", longest: 64) else {
            return try reader.identifiers("meters", Meter.self, most: Command.mostSubjects).map { .meter($0) }
        }
        guard reader.optional("meters") == nil, !profile.isEmpty else {
            throw reader.problem("profile", value: profile, "stands instead of 'meters'")
        }
        return [.profile(profile)]
    }

    private static func addition(_ reader: inout ObjectReader) throws(FieldProblem) -> MeterAddition {
        let meter = try siteMeter(&reader)
        guard let own = CircuitID(rawValue: meter.id.rawValue) else {
            throw reader.problem("meter", value: meter.id.rawValue, "must be \(CircuitID.rule)")
        }
        let rated = try reader.optionalInteger("rated_per_hour") ?? MeterAddition.usualRating
        guard (1...1_000_000_000).contains(rated) else {
            throw reader.problem("rated_per_hour", value: String(rated), "must be 1 to 1000000000 W or l/h")
        }
        var breaker: BreakerAddress?
        if let value = reader.optional("breaker") {
            var place = try ObjectReader(value, name: "add_meter.breaker")
            let device = try address(&place)
            let point = try place.count("point")
            try place.finish()
            guard point > 0 else { throw place.problem("point", value: String(point), "is counted from 1") }
            breaker = BreakerAddress(device: device, point: point)
        }
        return MeterAddition(
            meter: meter, circuit: try reader.optionalIdentifier("circuit", Circuit.self) ?? own,
            account: try reader.optionalIdentifier("account", CustomerAccount.self), ratedPerHour: rated,
            breaker: breaker)
    }

    private static func exchange(_ reader: inout ObjectReader) throws(FieldProblem) -> MeterExchange {
        let circuit = try reader.identifier("circuit", Circuit.self)
        let last = try reader.integer("old_last")
        let first = try reader.integer("new_first")
        let isNamed = reader.optional("meter") != nil
        let isNumbered = reader.optional("serial") != nil
        return MeterExchange(
            circuit: circuit, oldLast: last, newFirst: first, meter: isNamed ? try siteMeter(&reader) : nil,
            serial: isNumbered ? try reader.text("serial", longest: 64) : nil)
    }

    private static func siteMeter(_ reader: inout ObjectReader) throws(FieldProblem) -> SiteMeter {
        SiteMeter(
            id: try reader.identifier("meter", Meter.self), address: try address(&reader),
            profile: try reader.text("profile", longest: 64))
    }

    private static func address(_ reader: inout ObjectReader) throws(FieldProblem) -> UnitAddress {
        let bus = try reader.identifier("bus", Bus.self)
        let number = try reader.integer("unit")
        guard let unit = UInt8(exactly: number), let address = UnitAddress(bus: bus, unit: unit) else {
            throw reader.problem("unit", value: String(number), "is no Modbus unit, 1 to 247")
        }
        return address
    }
}
