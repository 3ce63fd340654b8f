internal import Logging
internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

/// Readings that are lost to somebody, on their way into the ledger.
struct ReadingLosses: Sendable {
    var evicted = LossTally()
    var refused = LossTally()
}

extension SiteService {
    /// Readings that somebody had not acknowledged made room for newer ones.
    func note(evicted count: Int64, at now: Timestamp) {
        losses.evicted.add(Loss(count: count))
        tellLosses(at: now)
    }

    /// A platform refused readings.
    func note(refused: [Refusal]) {
        guard !refused.isEmpty else { return }
        let numbers = refused.map(\.sequence)
        losses.refused.add(
            Loss(
                count: Int64(refused.count), first: numbers.min(), last: numbers.max(), reason: refused.last?.reason))
        tellLosses(at: clock.now())
    }

    /// Puts into the ledger what is due; what it does not take is told later.
    func tellLosses(at now: Timestamp, isEnding: Bool = false) {
        tell(\.evicted, as: .readingsEvicted, at: now, isEnding: isEnding)
        tell(\.refused, as: .readingsRefused, at: now, isEnding: isEnding)
    }

    private func tell(
        _ tally: WritableKeyPath<ReadingLosses, LossTally>, as code: EventCode, at now: Timestamp, isEnding: Bool
    ) {
        guard isLedgerUsable, let loss = losses[keyPath: tally].due(now: now.monotonic, isEnding: isEnding) else {
            return
        }
        do { try record([loss.event(code)], actor: "gateway", at: now) } catch {
            losses[keyPath: tally].add(loss)
            logger.error("an event could not be kept", metadata: ["event": "\(code)", "reason": "\(error)"])
        }
    }
}
