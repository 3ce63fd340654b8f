private import Foundation
internal import Metering
internal import Prepaid
public import UplinkProtocol

/// Ledger records as comma-separated values (RFC 4180), one line each.
public enum LedgerCSV {
    public static let header = """
        record,time,clock,actor,kind,account,cause,debit,credit,amount,balance,circuit,counter_from,counter_to,\
        quantity,price,rate,step,estimated,recharge_number,command,concerns,hash
        """

    /// - Parameters:
    ///   - account: only what is posted to it; nil for all.
    ///   - withOthers: events and commands too, where no account is asked for.
    /// - Returns: nil for what is not asked for.
    public static func line(_ record: LedgerRecord, account: String?, withOthers: Bool) -> String? {
        var cells = [String(record.sequence), time(record), record.at.trust.rawValue, record.actor]
        switch record.body {
        case .posting(let posting):
            guard account == nil || posting.account.rawValue == account else { return nil }
            cells += ["posting", posting.account.rawValue, posting.cause.rawValue] + columns(posting)
        case .event(let event):
            guard withOthers, account == nil else { return nil }
            cells += ["event", event.subject.description, event.code.rawValue] + others(command: "")
        case .command(let command):
            guard withOthers, account == nil else { return nil }
            cells += ["command", "", "\(command.kind) \(command.outcome)"] + others(command: command.id)
        }
        cells.append(record.hash.description)
        return cells.map(quoted).joined(separator: ",")
    }

    private static func columns(_ posting: Posting) -> [String] {
        let span = posting.span
        return [
            posting.debit.description, posting.credit.description, posting.amount.description,
            posting.balanceAfter.description, span?.circuit.rawValue ?? "", text(span?.from), text(span?.to),
            text(span?.quantity), span?.price.description ?? "", span?.rate?.name ?? "",
            text(span?.step.map(Int64.init)), posting.isEstimated ? "yes" : "", text(posting.rechargeNumber),
            posting.command ?? "", text(posting.concerns),
        ]
    }

    /// The columns of a posting, for what is none.
    private static func others(command: String) -> [String] {
        var cells = [String](repeating: "", count: 15)
        cells[13] = command
        return cells
    }

    private static func text(_ number: Int64?) -> String { number.map { String($0) } ?? "" }

    private static func time(_ record: LedgerRecord) -> String {
        let date = Date(timeIntervalSince1970: Double(record.at.wall.millisecondsSince1970) / 1000)
        return date.formatted(.iso8601)
    }

    /// Quoted where it must be; a text that a spreadsheet would run as a formula is made one that it shows.
    private static func quoted(_ cell: String) -> String {
        let isNumber = Double(cell) != nil
        let safe = !isNumber && "=+-@".contains(cell.first ?? " ") ? "'" + cell : cell
        guard safe.contains(where: { ",\"\n\r".contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}
