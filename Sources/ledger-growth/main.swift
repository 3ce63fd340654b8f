import Foundation

/// How much a site's ledger grows: 256 accounts under time-of-use, each posting in a transaction of its own as
/// the daemon makes it, written to the real store for some days and scaled to a year:
/// `ledger-growth DIRECTORY DAYS`. Then all of it is sealed: that is what stays of a month that is over and
/// acknowledged; the database keeps the room of the month that runs and the one before it.
let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2, let folder = arguments.first, let days = arguments.last.flatMap({ Int64($0) }), days > 0
else {
    FileHandle.standardError.write(Data("usage: ledger-growth DIRECTORY DAYS\n".utf8))
    exit(64)
}
var ledger = try GrowingLedger(path: folder + "/ledger.db", accounts: 256)
// The first day has what comes once: accounts, indexes, first readings.
try ledger.install()
try ledger.write(days: 1)
let (bytesBefore, rowsBefore) = (try ledger.bytes(), ledger.rows)
try ledger.write(days: days)
let grown = try ledger.bytes() - bytesBefore
let rows = ledger.rows - rowsBefore
print("\(rows / days) rows a day, \(grown / max(1, rows)) bytes a row")
let archived = try ledger.archivedBytesPerRow()
print("\(Int(archived)) bytes a row once a month is sealed")

func megabytesPerYear(bytesPerRow: Double) -> Double {
    (bytesPerRow * Double(rows) / Double(days) * 365 / 1e5).rounded() / 10
}
print("figure ledger_mb_per_year \(megabytesPerYear(bytesPerRow: archived)) MB")
print("figure ledger_unsealed_mb_per_year \(megabytesPerYear(bytesPerRow: Double(grown) / Double(max(1, rows)))) MB")
