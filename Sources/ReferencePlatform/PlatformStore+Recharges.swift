internal import GRDB
public import Metering
public import Prepaid
internal import UplinkProtocol

/// Why a sale was not queued.
public enum SaleProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The id was given to another sale before.
    case idTaken(String)

    public var description: String {
        switch self {
        case .idTaken(let id): "the id '\(id)' was given to another sale; take a new one"
        }
    }
}

extension PlatformStore {
    /// Queues a recharge. The same id with the same content is the same sale, queued once.
    /// - Parameter number: the recharge number, or nil for the one after the last known: that of the
    ///   account's postings and of its sales that are still on the way.
    public func issue(
        _ sale: (account: AccountID, customerNumber: String, issuer: String, amount: Money), number: Int64?,
        gateway: GatewayID, id: String
    ) throws {
        try write { database in
            let known = try Row.fetchOne(
                database, sql: "SELECT gateway, position, bytes FROM command WHERE id = ?", arguments: [id])
            let position: Int64 = try known.map { $0["position"] } ?? Self.nextPosition(gateway, in: database)
            func json(_ number: Int64) -> JSONValue {
                Command.rechargeJSON(
                    id: id, position: position,
                    recharge: Recharge(
                        account: sale.account, customerNumber: sale.customerNumber, issuer: sale.issuer,
                        number: number, amount: sale.amount))
            }
            if let known {
                let bytes = try StrictJSON.parse(known["bytes"] as String)
                let soldAs = bytes.object?["recharge"]?.object?["number"]?.integer ?? 0
                guard known["gateway"] as String == gateway.rawValue, bytes == json(number ?? soldAs) else {
                    throw SaleProblem.idTaken(id)
                }
                return
            }
            let next = try number ?? Self.nextNumber(sale.account, of: gateway, in: database)
            try database.execute(
                sql: "INSERT INTO command VALUES (?, ?, ?, 'recharge', ?, 'queued', '')",
                arguments: [gateway.rawValue, position, id, json(next).canonicalText])
        }
    }

    static func nextPosition(_ gateway: GatewayID, in database: Database) throws -> Int64 {
        let last = try Int64.fetchOne(
            database, sql: "SELECT max(position) FROM command WHERE gateway = ?", arguments: [gateway.rawValue])
        return (last ?? 0).clampedAdding(1)
    }

    /// Two sales in a row may both be on the way before the gateway has answered the first: each needs a
    /// number of its own, or the second would be taken for a repeat of the first.
    private static func nextNumber(_ account: AccountID, of gateway: GatewayID, in database: Database) throws -> Int64 {
        let last = try Int64.fetchOne(
            database,
            sql: """
                SELECT max(number) FROM (
                    SELECT last_recharge AS number FROM account WHERE gateway = ?1 AND name = ?2
                    UNION ALL
                    SELECT json_extract(bytes, '$.recharge.number') FROM command
                    WHERE gateway = ?1 AND state = 'queued' AND json_extract(bytes, '$.recharge.account') = ?2)
                """, arguments: [gateway.rawValue, account.rawValue])
        return (last ?? 0).clampedAdding(1)
    }
}
