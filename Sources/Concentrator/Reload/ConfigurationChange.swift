public import Metering

/// What another configuration changes in a running gateway.
public struct ConfigurationChange: Hashable, Sendable {
    /// The keys that differ, in the order of gateway.yaml.
    public let keys: [String]
    /// Those of them that only a new start changes.
    public let needingRestart: [String]
    /// Buses that are there no more, and those whose entry is another one.
    public let endingBuses: [BusID]
    /// Buses that are new, and those whose entry is another one.
    public let startingBuses: [BusConfiguration]
    let changesUplink: Bool
    let changesOtherConsumers: Bool

    public init(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        var keys: [String] = []
        var needingRestart: [String] = []
        func compare<Value: Equatable>(
            _ key: String, _ path: KeyPath<GatewayConfiguration, Value>, restarts: Bool = false
        ) {
            guard old[keyPath: path] != new[keyPath: path], !keys.contains(key) else { return }
            keys.append(key)
            if restarts { needingRestart.append(key) }
        }
        compare("gateway", \.gateway, restarts: true)
        compare("data", \.dataPath, restarts: true)
        compare("socket", \.socketPath, restarts: true)
        compare("profiles", \.profilesPath)
        compare("time_zone", \.timeZoneName, restarts: true)
        compare("clock", \.clockSource, restarts: true)
        compare("buses", \.buses)
        compare("poll", \.periods)
        compare("poll", \.staleAfter)
        compare("breakers", \.closingGap)
        compare("supply", \.supplyLimits)
        compare("telemetry", \.telemetryInterval)
        compare("telemetry", \.telemetryCommitInterval)
        compare("metrics", \.metricsPort, restarts: true)
        compare("meter_settings", \.meterSettings)
        compare("uplink", \.platform)
        compare("uplink", \.batchRecords)
        compare("uplink", \.identity)
        compare("pull", \.pull)
        compare("mqtt", \.broker)
        compare("board", \.board, restarts: true)
        compare("commands", \.commandLimits)
        compare("commands", \.commandKeyPath)
        // What nobody has said here how it is changed is not changed in passing.
        if Self.live(old, as: new) != new, needingRestart.isEmpty {
            keys.append("other keys")
            needingRestart.append("other keys")
        }
        self.keys = keys
        self.needingRestart = needingRestart
        endingBuses = old.buses.filter { !new.buses.contains($0) }.map(\.id)
        startingBuses = new.buses.filter { !old.buses.contains($0) }
        changesUplink =
            old.platform != new.platform || old.batchRecords != new.batchRecords || old.identity != new.identity
        changesOtherConsumers = old.pull != new.pull || old.broker != new.broker
    }

    /// The old configuration with everything that can be changed in a running gateway.
    private static func live(_ old: GatewayConfiguration, as new: GatewayConfiguration) -> GatewayConfiguration {
        var live = old
        live.profilesPath = new.profilesPath
        live.buses = new.buses
        live.periods = new.periods
        live.staleAfter = new.staleAfter
        live.closingGap = new.closingGap
        live.supplyLimits = new.supplyLimits
        live.telemetryInterval = new.telemetryInterval
        live.telemetryCommitInterval = new.telemetryCommitInterval
        live.meterSettings = new.meterSettings
        live.platform = new.platform
        live.batchRecords = new.batchRecords
        live.identity = new.identity
        live.pull = new.pull
        live.broker = new.broker
        live.commandLimits = new.commandLimits
        live.commandKeyPath = new.commandKeyPath
        return live
    }
}
