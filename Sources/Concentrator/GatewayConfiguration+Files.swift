private import Metering
private import UplinkHTTP
private import UplinkMQTT
private import UplinkPull

extension GatewayConfiguration {
    /// Reads what the configuration names: profiles, time zone, keys, certificates. No device and no data is touched.
    /// - Throws: what a start with it would end with at once, exit code 78.
    public func checkFiles() throws(GatewayProblem) {
        _ = try RunningGateway.orProblem { try ProfileFolder.load(profilesPath) }
        _ = try CommandPolicy(self)
        guard TimeZoneTable(ianaName: timeZoneName) != nil else {
            throw .configuration("the time zone '\(timeZoneName)' is unknown; install tzdata")
        }
        if let platform { try RunningGateway.orProblem { try PlatformClient.check(platform) } }
        if let pull { try RunningGateway.orProblem { try pull.check() } }
        if let broker {
            _ = try RunningGateway.orProblem { try BrokerClient(address: broker, gateway: gateway.rawValue) }
        }
    }
}
