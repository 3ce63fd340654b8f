public import Foundation

/// Right inputs, from which wrong ones are made.
public enum Samples {
    /// - Parameter root: the folder of the sources.
    public static func of(_ check: ReaderCheck, root: URL) throws -> [[UInt8]] {
        switch check {
        case .json: texts(jsons + commands)
        case .command: texts(commands)
        case .batch: texts(batches)
        case .answerFrame: frames
        case .configuration: [try file("etc/gateway.yaml", root)] + texts([shortConfiguration])
        case .profile:
            try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "etc/profiles").path)
                .filter { $0.hasSuffix(".yaml") }.sorted().prefix(6).map { try file("etc/profiles/\($0)", root) }
        case .importFile: texts([importFile])
        case .pairingCode: texts(["0E3G-MW6B-P1F0-ABCD-EFGH-JKMN-PQRS"])
        }
    }

    private static func texts(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
    private static func file(_ name: String, _ root: URL) throws -> [UInt8] {
        Array(try Data(contentsOf: root.appending(path: name)))
    }

    private static let jsons = [
        "{\"a\":[1,-2,{\"b\":null}],\"c\":\"\\u00e4\\n\\\"\",\"d\":true,\"e\":9223372036854775807}", "[[[[[[]]]]]]",
        "\"\"",
    ]
    private static let commands = [
        """
        {"id":"c-1","position":3,"kind":"recharge","recharge":{"account":"A-1","customer_number":"C-1",\
        "issuer":"office","number":1,"amount":"12.50"},"expires_at_ms":1800000000000}
        """,
        """
        {"id":"c-2","kind":"timer","timer":{"circuits":["M-1","M-2"],"timer":{"workday":[{"start":"06:00",\
        "action":"on"},{"start":"23:00","action":"night_mode","cap_mw":200000}],"holiday":[{"start":"00:00",\
        "action":"off"}]}}}
        """,
        """
        {"id":"c-3","kind":"tariff","tariff":{"accounts":["A-1"],"tariff":{"time_of_use":{"fallback_rate":"flat",\
        "prices":{"flat":"0.6180","peak":"1.0300","sharp":"1.2360","valley":"0.3090"},"timetable":{"day_tables":\
        [[{"rate":"valley","start":"00:00"},{"rate":"peak","start":"08:00"}]],"seasons":[]}},"steps":{"period":\
        {"month_day":1},"prices":["0.0000","0.0500"],"thresholds":[200000]}}}}
        """,
        """
        {"id":"c-4","kind":"malignant_load","malignant_load":{"circuits":["M-1"],"malignant_load":{"mode":"trip",\
        "bands":[{"from_mw":300000,"to_mw":900000}],"allowed":[{"name":"rice cooker","power_mw":700000}]}}}
        """,
        """
        {"id":"c-5","kind":"add_meter","add_meter":{"meter":"M-9","bus":"bus1","unit":9,"profile":"eastron-sdm120",\
        "breaker":{"bus":"bus1","unit":100,"point":2}}}
        """,
        "{\"id\":\"c-6\",\"kind\":\"expected_settings\",\"expected_settings\":{\"profile\":\"m\",\"settings\":{\"ct_ratio\":\"40\"}}}",
        "{\"commands\":[{\"id\":\"c-7\",\"position\":1,\"kind\":\"reload\"},{\"id\":\"c-8\",\"position\":2,\"kind\":\"x\"}]}",
    ]
    private static let batches = [
        """
        {"version":1,"gateway":"G-1","epoch":"e1","log":"telemetry","first":1,"last":2,"chain_head":{"seq":0,"hash":\
        "dce87a4749a75cc213be6a756d19536c8516492c1e19cdcefba1259719ac92af"},"records":[{"seq":1,"meter":"M-1","values":\
        {"voltage":230000}},{"seq":2,"meter":"M-1","values":{"voltage":230001}}]}
        """
    ]
    /// How the pieces fall, then what comes in: the answer, an exception, noise before it, another unit's answer.
    private static let frames: [[UInt8]] = [
        [0, 1, 3, 4, 0x12, 0x34, 0x56, 0x78, 0x81, 0x07], [7, 1, 0x83, 2, 0xC0, 0xF1],
        [3, 0x55, 0xAA, 1, 3, 4, 0, 1, 0, 2, 0x2A, 0x32],
        [1, 1, 3, 0, 0, 0, 2, 0xC4, 0x0B, 1, 3, 4, 0, 1, 0, 2, 0x2A, 0x32],
        [15, 2, 3, 4, 0, 1, 0, 2, 0x19, 0x32, 1, 3, 4, 0, 1, 0, 2, 0x2A, 0x32],
    ]
    private static let shortConfiguration = """
        gateway: G-1
        data: data
        clock: assumed
        buses:
          - { id: bus1, port: /dev/ttyS0, baud: 9600, format: 8N1 }
          - { id: bus2, port: "tcp://10.0.0.7:502", baud: 9600, format: 8E1, rs485: kernel }
        poll: { fast_ms: 200, normal_ms: 200, slow_ms: 2000, stale_seconds: 10 }
        meter_settings: { patrol_minutes: 1, expected: { m: { ct_ratio: 40 } } }
        commands: { largest_amount: "100", largest_price: "2.0000" }
        uplink: { url: "https://platform.example" }
        """
    private static let importFile = """
        # A comment.
        meter,bus,unit,profile,circuit,account,customer,issuer,price,alarm_1,alarm_2,rated_watts,expect_ct_ratio
        M-1,bus1,1,m,,A-1,C-1,office,0.6180,10,5,13800,40
        "M-2",bus1,2,m,K-2,A-1,,,,,,,
        """
}
