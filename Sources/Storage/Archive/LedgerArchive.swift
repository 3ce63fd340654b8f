internal import UplinkProtocol

/// The archive files of sealed months: gzip, one record's canonical JSON a line, as it went upstream.
struct LedgerArchive: Sendable {
    /// A folder beside `ledger.db`.
    let folder: String

    func path(of file: String) -> String { folder + "/" + file }

    /// Hands over the records of a month in order until `body` returns false, and proves that they are the
    /// month's: each follows the one before, and the last one ends in the sealed hash.
    func read(_ month: SealedMonth, _ body: (LedgerRecord) throws -> Bool) throws(StorageError) {
        let path = path(of: month.file)
        var reader = try GzipLineReader(path: path)
        var previous = month.previous
        var sequence = month.first - 1
        while let line = try reader.next() {
            do {
                let record = try LedgerRecord(json: try StrictJSON.parse(line))
                guard record.sequence == sequence + 1, record.previous == previous else {
                    throw DamagedContent("record \(sequence + 1) does not follow the one before it")
                }
                sequence = record.sequence
                previous = record.hash
                guard try body(record) else { return }
            } catch {
                throw .unusable(path: path, reason: "it is not as it was sealed (\(error))")
            }
        }
        guard sequence == month.last, previous == month.lastHash else {
            throw .unusable(path: path, reason: "it is not as it was sealed: it ends at record \(sequence)")
        }
    }

    /// One record; nil where the month has none of that number.
    func record(_ sequence: Int64, of month: SealedMonth) throws(StorageError) -> LedgerRecord? {
        var found: LedgerRecord?
        try read(month) { record in
            if record.sequence == sequence { found = record }
            return found == nil
        }
        return found
    }
}
