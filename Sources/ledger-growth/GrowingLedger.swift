import Foundation
import Prepaid
import Storage

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

    /// Of the file, closed.
    func bytes() throws -> Int64 {
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64
        guard let size else { throw CocoaError(.fileReadUnknown) }
        return size
    }
}
