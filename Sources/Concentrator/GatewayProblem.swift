internal import Storage

/// Why the daemon cannot start or go on, with the exit code that says so (sysexits.h).
public enum GatewayProblem: Error, Sendable, CustomStringConvertible {
    /// 78: the configuration or a file it names is wrong; starting again will not help.
    case configuration(String)
    /// 75: something else holds what is needed; it may be free later.
    case busy(String)
    /// 74: a port or a file cannot be used.
    case device(String)
    /// 70: the ledger must be opened anew.
    case ledgerLost(String)
    /// 70: the readings' file was damaged and moved aside; a new one must be begun.
    case telemetryLost(String)
    /// 75: a command asked for the configuration to be read anew.
    case reload

    public var exitCode: Int32 {
        switch self {
        case .configuration: 78
        case .busy, .reload: 75
        case .device: 74
        case .ledgerLost, .telemetryLost: 70
        }
    }

    public var description: String {
        switch self {
        case .configuration(let text), .busy(let text), .device(let text), .ledgerLost(let text),
            .telemetryLost(let text):
            text
        case .reload: "the configuration is to be read anew; start the daemon again"
        }
    }
}

extension GatewayProblem {
    /// Of a store that cannot be used.
    init(_ error: StorageError) {
        if case .locked = error { self = .busy(error.description) } else { self = .device(error.description) }
    }
}
