import Foundation
import Metering
import Prepaid
import Storage

/// How much a site's ledger grows: 256 accounts under time-of-use, each posting in a transaction of its own as
/// the daemon makes it, written to the real store for some days and scaled to a year:
/// `ledger-growth DIRECTORY DAYS`. Nothing is sealed meanwhile; sealed months take less.
let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2, let folder = arguments.first, let days = arguments.last.flatMap({ Int64($0) }), days > 0
else {
    FileHandle.standardError.write(Data("usage: ledger-growth DIRECTORY DAYS\n".utf8))
    exit(64)
}
var site = try GrowingSite(accounts: 256)
let path = folder + "/ledger.db"
var rows = 0
func bytes() throws -> Int64 {
    try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64 ?? 0
}
func write(days: Int64, installing: Bool) throws {
    let store = try LedgerStore(path: path, gateway: site.gateway, newEpoch: "growth")
    if installing { try store.commit(LedgerTransaction(changes: [], installation: site.installation), at: site.now) }
    for _ in 0..<days * 288 {
        for change in site.readAll() {
            rows += change.postings.count + change.events.count
            try store.commit(LedgerTransaction(changes: [change]), at: site.now)
        }
    }
    try store.close()
}
// The first day has what comes once: accounts, indexes, first readings.
try write(days: 1, installing: true)
let (before, rowsBefore) = (try bytes(), rows)
try write(days: days, installing: false)
let grown = Double(try bytes() - before)
print("\((rows - rowsBefore) / Int(days)) rows a day, \(Int(grown) / max(1, rows - rowsBefore)) bytes a row")
print("figure ledger_mb_per_year \((grown / Double(days) * 365 / 1e6 * 10).rounded() / 10) MB")
