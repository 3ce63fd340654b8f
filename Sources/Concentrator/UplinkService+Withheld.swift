internal import Logging
internal import Metering
internal import Storage
internal import UplinkHTTP
internal import UplinkProtocol

/// What came of offering withheld records again.
public struct WithheldOffer: Hashable, Sendable {
    /// Records that the platform has whole by now.
    public var taken = 0
    /// Records that it refused again.
    public var refused = 0
    /// Why it went no further; nil where all were offered.
    public var problem: String?

    public init() {}
}

/// A record that the platform refused may be taken by a platform that was mended since: it is offered again by
/// itself, and when a person asks for it.
extension UplinkService {
    private static let pauseBetweenOffers: Duration = .seconds(3600)
    /// Read from the ledger at a time.
    private static let offerPortion = 50

    func keepOffering() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.pauseBetweenOffers)
            guard !Task.isCancelled else { return }
            _ = await offerWithheld()
        }
    }

    /// Sends each withheld record whole, by itself. The platform has its hash, so nothing else can take its place,
    /// and takes it once.
    func offerWithheld() async -> WithheldOffer {
        var offer = WithheldOffer()
        var after: Int64 = 0
        do throws(StorageError) {
            while case let (records, head) = try await site.withheldRecords(after: after, limit: Self.offerPortion),
                let last = records.last
            {
                for (record, _) in records {
                    guard await give(record, head: head, counting: &offer) else { return offer }
                }
                after = last.record.sequence
            }
        } catch {
            offer.problem = error.description
        }
        return offer
    }

    /// - Returns: whether the next one is worth trying.
    private func give(_ record: LedgerRecord, head: ChainHead, counting offer: inout WithheldOffer) async -> Bool {
        let batch = Batch(
            gateway: gateway, epoch: ledgerEpoch, log: .ledger, chainHead: head,
            records: [(record.sequence, record.json)])
        guard let batch else { return true }
        let outcome = await client.send(batch)
        switch outcome {
        case .acknowledged(let answer) where answer.refused.isEmpty:
            do { try await site.delivered([record.sequence]) } catch {
                offer.problem = error.description
                return false
            }
            offer.taken += 1
            logger.notice("the platform took a record that it had refused", metadata: ["seq": "\(record.sequence)"])
        case .acknowledged, .status(400, _), .status(413, _), .status(422, _): offer.refused += 1
        default:
            offer.problem = problem(outcome)
            return false
        }
        return true
    }
}
