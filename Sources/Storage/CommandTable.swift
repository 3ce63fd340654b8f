internal import Foundation
internal import GRDB
internal import UplinkProtocol

/// Every command ever received, by its id.
enum CommandTable {
    /// Keeps a command with its answer. One that is known may only move on towards its final state.
    static func keep(_ command: AnsweredCommand, in database: Database) throws {
        let record = command.record
        let detail = JSONValue.object(record.detail.mapValues(JSONValue.string)).canonicalText
        if let known = try find(record.id, in: database) {
            guard !known.state.isFinal, known.state.step < record.state.step else {
                throw StorageError.refused("the command '\(record.id)' is \(known.state.rawValue) already")
            }
            try database.execute(
                sql: "UPDATE command SET state = ?, outcome = ?, detail = ? WHERE id = ?",
                arguments: [record.state.rawValue, record.outcome, detail, record.id])
        } else {
            try database.execute(
                sql: """
                    INSERT INTO command (id, position, kind, received, state, outcome, detail)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    record.id, command.position, record.kind, String(decoding: command.received, as: UTF8.self),
                    record.state.rawValue, record.outcome, detail,
                ])
        }
        try RowSeal.seal(.command, where: "id", is: record.id, in: database)
    }

    static func find(_ id: String, in database: Database) throws -> CommandRecord? {
        let row = try Row.fetchOne(database, sql: "SELECT * FROM command WHERE id = ?", arguments: [id])
        return try row.map(record)
    }

    /// Commands whose answer is not final yet, in the order of the platform.
    static func unfinished(_ database: Database) throws -> [AnsweredCommand] {
        let states = CommandState.allCases.filter { !$0.isFinal }.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return try Row.fetchAll(
            database, sql: "SELECT * FROM command WHERE state IN (\(states)) ORDER BY position"
        ).map(answered)
    }

    /// Every command, in the order of the platform.
    static func all(_ database: Database) throws -> [AnsweredCommand] {
        try Row.fetchAll(database, sql: "SELECT * FROM command ORDER BY position, id").map(answered)
    }

    private static func answered(_ row: Row) throws -> AnsweredCommand {
        AnsweredCommand(
            record: try record(row), position: try row.need("position"),
            received: Array((try row.need("received") as String).utf8))
    }

    private static func record(_ row: Row) throws -> CommandRecord {
        try RowSeal.check(row, of: .command)
        let id: String = try row.need("id")
        guard let state = CommandState(rawValue: try row.need("state")),
            let detail = try? StrictJSON.parse(try row.need("detail") as String).object
        else { throw DamagedContent("the command '\(id)' cannot be read") }
        return CommandRecord(
            id: id, kind: try row.need("kind"), state: state, outcome: try row.need("outcome"),
            detail: detail.compactMapValues(\.string))
    }
}

extension CommandState {
    /// How far along its life a command is.
    fileprivate var step: Int {
        switch self {
        case .received: 0
        case .accepted: 1
        case .executing: 2
        case .applied, .rejected, .expired, .unknown: 3
        }
    }
}
