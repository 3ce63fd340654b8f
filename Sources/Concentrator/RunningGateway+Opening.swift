internal import Board
internal import FieldBus
private import Foundation
internal import Logging
internal import Metering
internal import Storage

/// What a start opens, before anything runs: everything or nothing.
extension RunningGateway {
    /// Said before anything is made on the disk.
    static func checkPortsExist(_ configuration: GatewayConfiguration) throws(GatewayProblem) {
        let absent = configuration.buses.filter { bus in
            if case .serial(let path) = PortAddress(bus.port) {
                !FileManager.default.fileExists(atPath: path)
            } else {
                false
            }
        }
        guard absent.count == configuration.buses.count, !absent.isEmpty else { return }
        throw .device(absent.map { "bus \($0.id): \(PortError.absent(path: $0.port))" }.joined(separator: "\n"))
    }

    /// A port that is missing now may come back later, but a box none of whose ports can be used is not
    /// running.
    static func openPorts(
        _ configuration: GatewayConfiguration, logger: Logger
    ) async throws(GatewayProblem) -> [BusID: BusPort] {
        var ports: [BusID: BusPort] = [:]
        var problems: [String] = []
        for bus in configuration.buses {
            let port = BusPort(bus: bus.id, path: bus.port, serial: bus.serial, allowances: bus.allowances)
            ports[bus.id] = port
            do { try await port.open() } catch {
                problems.append("bus \(bus.id): \(error)")
                logger.error("a port cannot be opened", metadata: ["bus": "\(bus.id)", "reason": "\(error)"])
            }
        }
        if problems.count == configuration.buses.count, !problems.isEmpty {
            throw .device(problems.joined(separator: "\n"))
        }
        return ports
    }

    /// The data directory, where no other daemon is at work: of one in use its holder is told, and a new one is not
    /// made in vain.
    static func openDirectory(_ configuration: GatewayConfiguration) throws(GatewayProblem) -> DataDirectory {
        let socket = SocketPlace(path: configuration.socketPath)
        try socket.check()
        if !FileManager.default.fileExists(atPath: configuration.dataPath) { try socket.checkUnused() }
        let directory = try orProblem { try DataDirectory(path: configuration.dataPath) }
        try socket.checkUnused()
        return directory
    }

    struct Stores {
        let ledger: LedgerStore
        let telemetry: TelemetryStore
        let ballast: Ballast
        /// The new name of a telemetry file that could not be used.
        let telemetryMovedAside: String?
    }

    static func openStores(
        _ configuration: GatewayConfiguration, in directory: DataDirectory, at now: Timestamp, logger: Logger
    ) throws(GatewayProblem) -> Stores {
        let epoch = newEpoch()
        let ballast = Ballast(path: directory.ballastPath)
        let opened = try openLedger(in: directory, of: configuration.gateway, epoch: epoch, ballast: ballast, at: now)
        if let rebuilt = opened.rebuilt { tell(rebuilt, to: logger) }
        let telemetryPath = directory.telemetryPath
        // What is wrong with it is told once the gateway runs: it runs without it, too.
        let (telemetry, movedAside, _) = TelemetryStore.openOrReplace(path: telemetryPath, newEpoch: epoch)
        if let movedAside {
            logger.error("telemetry.db was damaged; readings start anew", metadata: ["moved_to": "\(movedAside)"])
        }
        opened.store.wait(for: configuration.consumers)
        telemetry.wait(for: configuration.consumers)
        return Stores(ledger: opened.store, telemetry: telemetry, ballast: ballast, telemetryMovedAside: movedAside)
    }
}
