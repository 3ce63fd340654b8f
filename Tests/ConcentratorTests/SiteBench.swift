import Board
import BoardRules
import Foundation
import Logging
import MeterProfiles
import Metering
import Prepaid
import Storage
import Testing
import UplinkProtocol

@testable import Concentrator

/// A site of meters with relays of their own, without buses: what a bus would report is given by hand.
final class SiteBench {
    let site: SiteService
    let mailbox = BusMailbox()
    /// That of the box itself.
    let board = BusMailbox()
    let meters: [SiteMeter]
    let clock: GatewayClock
    private let folder: URL

    /// - Parameters:
    ///   - breakers: `breaker_bus,breaker_point` of every circuit.
    ///   - count: circuits, each with an account of 1.00 and a price of 1000.0000 a kWh, so that a step of the counter is more than there is.
    init(
        count: Int, policy: CommandPolicy = .standard, boardRelays: [BoardRelay] = [], breakers: String = ""
    ) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "site-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let profiles = try EtcFolder.profiles()
        let bus = try #require(BusID(rawValue: "bus1"))
        clock = GatewayClock(system: try SystemClock(), source: .assumed)
        let gateway = try #require(GatewayID(rawValue: "G-1"))
        let ledger = try LedgerStore(
            path: folder.appending(path: "ledger.db").path, gateway: gateway, newEpoch: "0123456789abcdef")
        let telemetry = TelemetryService(
            store: try TelemetryStore(path: folder.appending(path: "telemetry.db").path, newEpoch: "fedcba9876543210"),
            interval: .seconds(1), commitInterval: .seconds(1), zone: .utc, changed: Bell())
        site = SiteService(
            ledger: ledger, ballast: Ballast(path: ledger.path + ".ballast", bytes: 4096), profiles: profiles,
            clock: clock, zone: .utc, staleAfter: .seconds(60),
            closingGap: .zero, mailboxes: [bus: mailbox, .board: board], telemetry: telemetry, ledgerChanged: Bell(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onLedgerLost: { _ in },
            commandPolicy: policy, boardRelays: boardRelays)
        try await site.start()
        var lines = [
            "meter,bus,unit,profile,account,customer,issuer,price,alarm_1,alarm_2,opening_balance,rated_watts"
                + (breakers.isEmpty ? "" : ",breaker_bus,breaker_point")
        ]
        for unit in 1...count {
            lines.append(
                "M-\(unit),bus1,\(unit),acrel-ddsy1352-block,A-\(unit),C-\(unit),office,1000.0000,0.5,0.2,1,13800"
                    + (breakers.isEmpty ? "" : ",\(breakers)"))
        }
        let plan = try SiteImport(
            file: "bench", text: lines.joined(separator: "\n"), profiles: profiles, buses: [bus],
            boardPoints: Set(boardRelays.map(\.point)))
        meters = plan.site.meters
        _ = try await site.install(plan)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// One poll: the meter's total (Wh) and its relay.
    func report(_ meter: SiteMeter, energy: Int64, position: BreakerPosition = .closed) async {
        await site.take(
            .answered(meter.id, values: [Channel(.energyImport): energy], positions: [1: position], at: clock.now()))
    }

    func orders() -> [BreakerOrder] {
        var orders: [BreakerOrder] = []
        while let order = mailbox.takeOrder() { orders.append(order) }
        return orders
    }

    func codes() async throws -> [String] { try await site.eventCodes() }
}

extension SiteService {
    /// As after a commit that failed.
    func loseLedger() { isLedgerUsable = false }

    func eventCodes() throws -> [String] {
        try ledger.records(after: 0, limit: 10_000).compactMap { record -> String? in
            guard case .event(let event) = record.body else { return nil }
            return event.code.rawValue
        }
    }
}
