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
    let changesPull: Bool
    let changesBroker: Bool

    public init(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        self.init(from: old, to: new, files: (ConsumerFiles(old), ConsumerFiles(new)))
    }

    /// - Parameter files: what the certificates held that are in use, and what they hold now.
    init(from old: GatewayConfiguration, to new: GatewayConfiguration, files: (old: ConsumerFiles, new: ConsumerFiles))
    {
        var keys: [String] = []
        var needingRestart: [String] = []
        // The old one with everything that a running gateway takes over.
        var taken = old
        func take<Value: Equatable>(_ key: String, _ path: WritableKeyPath<GatewayConfiguration, Value>) {
            guard old[keyPath: path] != new[keyPath: path] else { return }
            taken[keyPath: path] = new[keyPath: path]
            if !keys.contains(key) { keys.append(key) }
        }
        func restart<Value: Equatable>(_ key: String, _ path: KeyPath<GatewayConfiguration, Value>) {
            guard old[keyPath: path] != new[keyPath: path] else { return }
            keys.append(key)
            needingRestart.append(key)
        }
        restart("gateway", \.gateway)
        restart("data", \.dataPath)
        restart("socket", \.socketPath)
        take("profiles", \.profilesPath)
        restart("time_zone", \.timeZoneName)
        restart("clock", \.clockSource)
        take("buses", \.buses)
        take("poll", \.periods)
        take("poll", \.staleAfter)
        take("breakers", \.closingGap)
        take("supply", \.supplyLimits)
        take("telemetry", \.telemetryInterval)
        take("telemetry", \.telemetryCommitInterval)
        restart("metrics", \.metricsPort)
        take("meter_settings", \.meterSettings)
        take("uplink", \.platform)
        take("uplink", \.batchRecords)
        take("uplink", \.identity)
        take("pull", \.pull)
        if files.old.pull != files.new.pull, !keys.contains("pull") { keys.append("pull") }
        take("mqtt", \.broker)
        if files.old.broker != files.new.broker, !keys.contains("mqtt") { keys.append("mqtt") }
        restart("board", \.board)
        take("commands", \.commandLimits)
        take("commands", \.commandKeyPath)
        // What nobody has said here how it is changed is not changed in passing.
        if taken != new, needingRestart.isEmpty {
            keys.append("other keys")
            needingRestart.append("other keys")
        }
        self.keys = keys
        self.needingRestart = needingRestart
        endingBuses = old.buses.filter { !new.buses.contains($0) }.map(\.id)
        startingBuses = new.buses.filter { !old.buses.contains($0) }
        changesUplink =
            old.platform != new.platform || old.batchRecords != new.batchRecords || old.identity != new.identity
        changesPull = keys.contains("pull")
        changesBroker = keys.contains("mqtt")
    }
}
