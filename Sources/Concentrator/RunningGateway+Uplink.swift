public import Storage
private import Synchronization
public import UplinkProtocol

/// What an operator may do about the way upstream.
extension RunningGateway {
    /// The way upstream, where there is one.
    private var uplink: UplinkService? { live.withLock { $0.uplink } }

    public func uplinkStatus() async -> UplinkStatus { await uplink?.status() ?? UplinkStatus() }

    /// Nil without a broker.
    public func brokerStatus() async -> BrokerStatus? { await live.withLock { $0.broker }?.status() }

    /// Ledger records that the platform has a place for but not their content, oldest first, with its reasons.
    public func withheldRecords(limit: Int) async throws(StorageError) -> [(record: LedgerRecord, reason: String)] {
        try await site.withheldRecords(after: 0, limit: limit).records
    }

    /// Offers them to the platform again. Nil without a platform.
    public func offerWithheld() async -> WithheldOffer? { await uplink?.offerWithheld() }

    /// Sends the ledger log again from a record on. Nil without a platform; false where that record was not
    /// acknowledged yet and so is to come anyway.
    public func sendLedgerAgain(from sequence: Int64) async throws(StorageError) -> Bool? {
        try await uplink?.sendAgain(from: sequence)
    }
}
