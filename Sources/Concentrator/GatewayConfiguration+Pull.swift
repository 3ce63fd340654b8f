internal import ConfigurationReader
internal import UplinkPull

extension GatewayConfiguration {
    /// Reads the section `pull`.
    static func readPull(_ node: ConfigurationNode, path: (String?) -> String?) -> PullAddress? {
        let keys = ["listen", "authority", "certificate", "key", "minimum_tls", "consumers"]
        guard let pull = node.mapping(keys: keys), let listen = pull.text("listen", default: "0.0.0.0:8444"),
            let authority = path(pull.text("authority")), let certificate = path(pull.text("certificate")),
            let key = path(pull.text("key")), let consumers = pull.required("consumers")
        else { return nil }
        let minimum = pull.text("minimum_tls", default: "1.3") ?? "1.3"
        if !["1.2", "1.3"].contains(minimum) {
            pull["minimum_tls"]?.refuse("'pull.minimum_tls' is no version of TLS", "write \"1.3\" or \"1.2\"")
        }
        let colon = listen.lastIndex(of: ":")
        let port = colon.flatMap { UInt16(listen[listen.index(after: $0)...]) }
        guard let colon, let port, colon > listen.startIndex else {
            (pull["listen"] ?? node).refuse("'pull.listen' is no address", "write it like 0.0.0.0:8444")
            return nil
        }
        var read: [PullAddress.Consumer] = []
        for entry in consumers.list ?? [] {
            guard let consumer = entry.mapping(keys: ["name", "certificate"]), let name = consumer.text("name"),
                let file = path(consumer.text("certificate"))
            else { continue }
            if read.contains(where: { $0.name == name }) || name.isEmpty || name.utf8.count > 40 {
                entry.refuse(
                    "the consumer '\(name)' is there twice, or its name is not 1 to 40 bytes long",
                    "give each consumer a short name of its own")
            }
            read.append(PullAddress.Consumer(name: name, certificatePath: file))
        }
        if read.isEmpty {
            consumers.refuse("nobody may pull", "add an entry '- { name: billing, certificate: billing.pem }'")
        }
        if read.count > 16 { consumers.refuse("\(read.count) consumers are too many", "register at most 16") }
        return PullAddress(
            host: String(listen[..<colon]), port: Int(port), authorityPath: authority, certificatePath: certificate,
            keyPath: key, allowsTLS12: minimum == "1.2", consumers: read)
    }
}
