internal import Metering
internal import Storage
internal import UplinkProtocol
internal import UplinkPull

/// Gives the two logs to the consumers that pull them.
final class PullService: PullSource {
    let gateway: GatewayID
    private let site: SiteService
    private let clerk: LedgerClerk
    private let telemetry: TelemetryService
    private let ledgerEpoch: String
    private let bells: LogBells

    init(
        gateway: GatewayID, site: SiteService, clerk: LedgerClerk, telemetry: TelemetryService, ledgerEpoch: String,
        bells: LogBells
    ) {
        self.gateway = gateway
        self.site = site
        self.clerk = clerk
        self.telemetry = telemetry
        self.ledgerEpoch = ledgerEpoch
        self.bells = bells
    }

    func log(_ log: Log, for consumer: String) async throws(PullProblem) -> PullLog {
        do throws(StorageError) {
            switch log {
            case .ledger:
                return PullLog(
                    log: log, epoch: ledgerEpoch, last: try await site.chainHead().sequence,
                    acknowledged: try await site.cursor(of: Self.cursorName(of: consumer)))
            case .telemetry:
                return PullLog(
                    log: log, epoch: telemetry.epoch, last: await telemetry.lastSequence(),
                    acknowledged: try await telemetry.cursor(of: Self.cursorName(of: consumer)))
            }
        } catch { throw PullProblem(reason: error.description) }
    }

    func page(
        of log: Log, after sequence: Int64, limit: Int, byteLimit: Int
    ) async throws(PullProblem) -> PullPage {
        do throws(StorageError) {
            switch log {
            // Beside the site's own thread: months that are sealed take their time.
            case .ledger:
                let records = try await clerk.records(after: sequence, limit: limit, byteLimit: byteLimit)
                return .ledger(records.map { ($0.sequence, $0.json) })
            case .telemetry:
                return .telemetry(
                    try await telemetry.entries(after: sequence, limit: limit, byteLimit: byteLimit))
            }
        } catch { throw PullProblem(reason: error.description) }
    }

    func chainHead() async throws(PullProblem) -> ChainHead {
        do throws(StorageError) { return try await site.chainHead() } catch {
            throw PullProblem(reason: error.description)
        }
    }

    func acknowledge(_ log: Log, through sequence: Int64, for consumer: String) async throws(PullProblem) {
        do throws(StorageError) {
            switch log {
            case .ledger: try await site.advance(Self.cursorName(of: consumer), through: sequence)
            case .telemetry: try await telemetry.advance(Self.cursorName(of: consumer), through: sequence)
            }
        } catch { throw PullProblem(reason: error.description) }
    }

    func waitForMore(of log: Log, than sequence: Int64, seconds: Int64) async {
        let bell = log == .ledger ? bells.ledger : bells.telemetry
        let heard = bell.rings
        let last: Int64
        switch log {
        case .ledger: last = (try? await site.chainHead().sequence) ?? 0
        case .telemetry: last = await telemetry.lastSequence()
        }
        guard last <= sequence else { return }
        await bell.wait(after: heard, longest: .seconds(seconds))
    }

    /// The name of a consumer's cursor: apart from the push.
    static func cursorName(of consumer: String) -> String { "pull:\(consumer)" }
}
