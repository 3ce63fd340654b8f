internal import GRDB
public import Metering
public import Prepaid
internal import UplinkProtocol

extension LedgerStore {
    /// Looked at no further back, whatever the clocks were.
    private static let mostRecords = 200_000

    /// What platforms credited to accounts lately, oldest first: as far back as `CreditWindow` remembers.
    public func recentCredits(now: Timestamp) throws(StorageError) -> [(at: Timestamp, credit: GivenCredit)] {
        try handle.read { database in
            var credits: [(at: Timestamp, credit: GivenCredit)] = []
            var sequence = Int64.max
            var looked = 0
            while looked < Self.mostRecords {
                let records = try LedgerRow.fetch(
                    database, where: "ledger.sequence < ? ORDER BY ledger.sequence DESC LIMIT 500", [sequence])
                guard let last = records.last else { break }
                sequence = last.sequence
                looked += records.count
                var isOld = false
                for record in records {
                    guard CreditWindow.age(of: record.at, now: now) < CreditWindow.memory else {
                        isOld = true
                        continue
                    }
                    guard record.actor == "platform", case .posting(let posting) = record.body,
                        let credit = GivenCredit(posting)
                    else { continue }
                    credits.append((record.at, credit))
                }
                if isOld { break }
            }
            return credits.reversed()
        }
    }
}
