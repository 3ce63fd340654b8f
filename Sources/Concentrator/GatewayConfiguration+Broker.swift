internal import ConfigurationReader
internal import UplinkMQTT

extension GatewayConfiguration {
    /// Reads the section `mqtt`.
    static func readBroker(_ node: ConfigurationNode, path: (String?) -> String?) -> BrokerAddress? {
        let keys = [
            "host", "port", "authority", "certificate", "key", "minimum_tls", "user", "password", "version", "prefix",
        ]
        guard let mqtt = node.mapping(keys: keys), let host = mqtt.text("host"),
            let version: BrokerAddress.Version = mqtt.choice("version", default: .v311),
            let prefix = mqtt.text("prefix", default: "meterkeep")
        else { return nil }
        let authority = mqtt["authority"].flatMap { path($0.text) }
        guard let port = mqtt.integer("port", in: 1...65_535, default: authority == nil ? 1883 : 8883) else {
            return nil
        }
        if prefix.isEmpty || prefix.contains(where: { "+#".contains($0) }) || prefix.utf8.count > 200 {
            mqtt["prefix"]?.refuse("'mqtt.prefix' is no part of a topic", "write it without + and #, like meterkeep")
        }
        let isLocal = ["localhost", "127.0.0.1", "::1"].contains(host)
        if authority == nil, !isLocal {
            node.refuse(
                "records would go to '\(host)' in the clear", "name the broker's CA certificate under 'authority'")
        }
        let minimum = mqtt.text("minimum_tls", default: "1.3") ?? "1.3"
        if !["1.2", "1.3"].contains(minimum) {
            mqtt["minimum_tls"]?.refuse("'mqtt.minimum_tls' is no version of TLS", "write \"1.3\" or \"1.2\"")
        }
        return BrokerAddress(
            host: host, port: port,
            tls: authority.map { authority in
                BrokerAddress.TLS(
                    authorityPath: authority, certificatePath: mqtt["certificate"].flatMap { path($0.text) },
                    keyPath: mqtt["key"].flatMap { path($0.text) }, allowsTLS12: minimum == "1.2")
            }, user: mqtt["user"]?.text, password: mqtt["password"]?.text, version: version, prefix: prefix)
    }
}
