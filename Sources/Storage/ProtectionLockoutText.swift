internal import Metering
internal import Prepaid
internal import UplinkProtocol

extension ProtectionLockout {
    /// As JSON; nil where there is neither a lockout nor a trip to remember.
    var text: String? {
        guard inForce != nil || !trips.isEmpty else { return nil }
        var members: [String: JSONValue] = ["trips": .array(trips.map(\.json))]
        if let inForce {
            members["since"] = inForce.since.json
            switch inForce.release {
            case .command: break
            case .after(let delay): members["after_ms"] = .integer(delay.wholeMilliseconds)
            case .endOfWindow(let window): members["window"] = .string(window.text)
            }
        }
        return JSONValue.object(members).canonicalText
    }

    /// The inverse of `text`.
    init(text: String?) throws {
        guard let text else {
            self.init()
            return
        }
        var reader = try ObjectReader(try StrictJSON.parse(text), name: "lockout")
        let trips = try (reader.optional("trips")?.array ?? []).map { try Timestamp(json: $0) }
        let delay = try reader.optionalInteger("after_ms")
        let window = try reader.optionalText("window").flatMap(TimerWindow.init(text:))
        guard let since = reader.optional("since") else {
            self.init(trips: trips)
            return
        }
        let release: LockoutRelease =
            if let delay { .after(.milliseconds(delay)) } else if let window { .endOfWindow(window) } else { .command }
        self.init(inForce: LockoutInForce(since: try Timestamp(json: since), release: release), trips: trips)
    }
}
