import Foundation
import MeterProfiles
import Metering
import Testing

/// Holds `etc/schema/profile.schema.json`, which editors use, to what the reader takes.
@Suite("The schema of profiles for editors")
struct ProfileSchemaTests {
    private let schema: [String: Any]

    init() throws {
        let file = ShippedProfiles.folder.appending(path: "../schema/profile.schema.json")
        schema = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    }

    /// The mapping at a path of keys; lists are entered by themselves.
    private func mapping(_ path: [String]) throws -> [String: Any] {
        var place = schema
        for key in path {
            let properties = try #require(place["properties"] as? [String: Any], "\(path)")
            let next = try #require(properties[key] as? [String: Any], "\(path)")
            place = next["items"] as? [String: Any] ?? next
        }
        return place
    }

    @Test("every mapping has the keys that the reader knows, and no others")
    func keys() throws {
        let mappings: [([String], [String])] = [
            ([], ProfileKeys.profile), (["serial"], ProfileKeys.serial), (["limits"], ProfileKeys.limits),
            (["defaults"], ProfileKeys.defaults), (["registers"], ProfileKeys.register),
            (["registers", "scale_register"], ProfileKeys.scaleRegister), (["billing"], ProfileKeys.billing),
            (["identify"], ProfileKeys.identification), (["relay"], ProfileKeys.relay),
            (["relay", "open"], ProfileKeys.relayWrite), (["relay", "close"], ProfileKeys.relayWrite),
            (["relay", "readback"], ProfileKeys.readback), (["settings"], ProfileKeys.setting),
        ]
        for (path, known) in mappings {
            let place = try mapping(path)
            let properties = try #require(place["properties"] as? [String: Any])
            #expect(Set(properties.keys) == Set(known), "\(path)")
            #expect(place["additionalProperties"] as? Bool == false, "\(path)")
        }
    }

    @Test("every choice has the words that the reader knows")
    func words() throws {
        let encodings = RegisterEncoding.allCases.map(\.rawValue)
        let orders = WordOrder.allCases.map(\.rawValue)
        let choices: [([String], [String])] = [
            (["commodity"], Commodity.allCases.map(\.rawValue)),
            (["defaults", "table"], ProfileKeys.tables), (["defaults", "encoding"], encodings),
            (["defaults", "order"], orders), (["registers", "table"], ProfileKeys.tables),
            (["registers", "encoding"], encodings), (["registers", "order"], orders),
            (["registers", "poll"], PollClass.allCases.map(\.rawValue)),
            (["registers", "scale_register", "means"], ScaleRegister.Meaning.allCases.map(\.rawValue)),
            (["relay", "power_up"], PowerUpPosition.allCases.map(\.rawValue)),
            (["settings", "name"], SettingName.allCases.map(\.rawValue)),
            (["settings", "encoding"], encodings),
            (["settings", "clock"], ClockLayout.allCases.map(\.rawValue)),
            (["settings", "write"], SettingDefinition.Write.allCases.map(\.rawValue)),
        ]
        for (path, known) in choices {
            let words = try #require(try mapping(path)["enum"] as? [String], "\(path)")
            #expect(Set(words) == Set(known), "\(path)")
        }
        let bauds = try #require(try mapping(["serial", "baud"])["enum"] as? [Int])
        #expect(bauds == SerialFormat.baudRates)
        let units = try #require(try mapping(["registers", "unit"])["enum"] as? [Any])
        #expect(Set(units.compactMap { $0 as? String }) == Set(ProfileKeys.units))
    }

    @Test("the pattern of channels takes every channel and nothing else")
    func channels() throws {
        let text = try #require(try mapping(["registers", "channel"])["pattern"] as? String)
        let pattern = try Regex(text)
        for quantity in Quantity.allCases {
            for phase in Phase.allCases {
                let name = Channel(quantity, phase).name
                #expect(try pattern.wholeMatch(in: name) != nil, "\(name)")
            }
        }
        #expect(try pattern.wholeMatch(in: "voltage_l4") == nil)
    }
}
