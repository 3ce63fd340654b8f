public import Metering

extension [SettingName: ExpectedSetting] {
    /// `{"overload_limit": {"value": "8.8", "by": "platform", "since_ms": 0}}`
    public var json: JSONValue {
        .object(
            Dictionary<String, JSONValue>(
                uniqueKeysWithValues: map { name, expected in
                    var members: [String: JSONValue] = [
                        "value": .string(expected.value.description), "by": .string(expected.by),
                    ]
                    members["since_ms"] = (expected.since?.millisecondsSince1970).map(JSONValue.integer)
                    return (name.rawValue, JSONValue.object(members))
                }))
    }

    public init(json: JSONValue) throws(FieldProblem) {
        self.init()
        guard let members = json.object else {
            throw FieldProblem(field: "expected_settings", reason: "is not an object")
        }
        for (key, value) in members {
            guard let name = SettingName(rawValue: key) else {
                throw FieldProblem(field: "expected_settings", value: key, reason: "is no setting")
            }
            var reader = try ObjectReader(value, name: "expected_settings.\(key)")
            let text = try reader.text("value", longest: 32)
            guard let number = SettingValue(text: text) else {
                throw reader.problem("value", value: text, "is no number")
            }
            self[name] = ExpectedSetting(
                number, by: try reader.text("by", longest: 32), since: try reader.optionalMoment("since_ms"))
            try reader.finish()
        }
    }
}

extension ObjectReader {
    /// Settings with the decimal text that each should be, like `{"overload_limit": "8.8"}`.
    public mutating func settingValues(_ field: String) throws(FieldProblem) -> [SettingName: SettingValue] {
        var values: [SettingName: SettingValue] = [:]
        for (key, text) in try texts(field, most: SettingName.allCases.count).sorted(by: { $0.key < $1.key }) {
            guard let name = SettingName(rawValue: key), name.canBeExpected else {
                let known = SettingName.allCases.filter(\.canBeExpected).map(\.rawValue).joined(separator: ", ")
                throw problem("\(field).\(key)", "is no setting that can be expected; use \(known)")
            }
            guard let value = SettingValue(text: text) else {
                throw problem("\(field).\(key)", value: String(text.prefix(64)), "is not decimal text like \"8.8\"")
            }
            values[name] = value
        }
        return values
    }
}
