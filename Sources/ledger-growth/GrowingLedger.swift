import Foundation
import Metering
import Prepaid
import Storage
import UplinkProtocol

/// The ledger of a growing site, in the real store.
struct GrowingLedger {
    private let path: String
    private var site: GrowingSite
    /// Postings and events committed.
    private(set) var rows: Int64 = 0

    init(path: String, accounts: Int) throws {
        self.path = path
        site = try GrowingSite(accounts: accounts)
    }

    private func open() throws -> LedgerStore {
        try LedgerStore(path: path, gateway: site.gateway, newEpoch: "growth")
    }

    func install() throws {
        let store = try open()
        try store.commit(LedgerTransaction(changes: [], installation: site.installation), at: site.now)
        try store.close()
    }

    /// Reads every meter close to every hour and commits what comes of it.
    mutating func write(days: Int64) throws {
        let store = try open()
        for _ in 0..<days * 72 {
            for change in site.readAll() {
                rows += Int64(change.postings.count + change.events.count)
                try store.commit(LedgerTransaction(changes: [change]), at: site.now)
            }
        }
        try store.close()
    }

    /// Seals all that was written, as the daemon seals months that are over and acknowledged.
    /// - Returns: bytes of the archive for each row.
    func archivedBytesPerRow() throws -> Double {
        let store = try open()
        try store.advanceCursor(of: "platform", through: try store.head().sequence)
        let end = WallTime(millisecondsSince1970: .max)
        guard let month = try store.seal(before: end) else { throw CocoaError(.fileReadUnknown) }
        let file = URL(filePath: path).deletingLastPathComponent().appending(path: "archive/\(month.file)")
        let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int64 ?? 0
        try store.close()
        return Double(size) / Double(month.last - month.first + 1)
    }

    /// Of the file, closed.
    func bytes() throws -> Int64 {
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64
        guard let size else { throw CocoaError(.fileReadUnknown) }
        return size
    }
}
