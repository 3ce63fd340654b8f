internal import Foundation
internal import GRDB
internal import Synchronization

/// How the file is opened, checked, and moved out of the way.
extension TelemetryStore {
    /// Opens the file, or moves one that cannot be used aside under a new name and starts a new one. One that can be
    /// neither is given back as it is, for `reopen`: telemetry is worth less than a running box.
    /// - Returns: the store; the old file's new name where there was one; why nothing can be written.
    public static func openOrReplace(
        path: String, newEpoch: String, largestBytes: Int64 = 256 << 20
    ) -> (store: TelemetryStore, movedAside: String?, problem: StorageError?) {
        let store = TelemetryStore(unopened: path, newEpoch: newEpoch, largestBytes: largestBytes)
        var movedAside: String?
        do throws(StorageError) {
            do throws(StorageError) { try store.reopen() } catch {
                guard error.needsAnotherFile else { throw error }
                movedAside = try store.moveAside(tag: newEpoch)
                try store.reopen()
            }
            if !store.hasNumbers { try store.closeReservation() }
            return (store, movedAside, nil)
        } catch {
            return (store, movedAside, error)
        }
    }

    /// Opens the file again, which is checked then. Numbers that this run has given out stay its own.
    /// - Throws: `.damaged` and `.tooNew` where it must make room for another one.
    public func reopen() throws(StorageError) {
        resumes.withLock { $0 = [] }
        try handle.reopen { () throws(StorageError) in
            try DatabaseFile.open(
                path: path, durability: .full, largestBytes: retention.largestBytes, layout: TelemetryLayout.layout)
        }
        if let stopped { throw stopped }
        try writer.withLock { writer throws(StorageError) in
            let (known, ownsReserved) = (writer.epoch, writer.ownsReserved)
            if try handle.read({ try Int.fetchOne($0, sql: "SELECT count(*) FROM telemetry_head") == 0 }) {
                guard known.isEmpty else { throw isAnotherFile() }
                try handle.write { try Self.start($0, epoch: newEpoch) }
                startedFile.withLock { $0 = true }
            }
            let fresh = try handle.read { database in
                try TelemetryWriter(
                    database, head: try Self.head(database), ownsReserved: ownsReserved,
                    largestSegment: retention.largestSegment)
            }
            guard known.isEmpty || fresh.epoch == known else { throw isAnotherFile() }
            writer = fresh
        }
    }

    /// Somebody put another file in its place.
    private func isAnotherFile() -> StorageError {
        let error = StorageError.damaged(path: path, reason: "it is not the file that was there before")
        handle.note(error)
        return error
    }

    private static func start(_ database: Database, epoch: String) throws {
        try database.execute(
            sql: "INSERT INTO telemetry_head (only_row, epoch, last_sequence, accepted) VALUES (1, ?, 0, x'')",
            arguments: [epoch])
        try RowSeal.seal(.telemetryHead, where: "only_row", is: 1, in: database)
    }

    func closeReservation() throws(StorageError) {
        try writer.withLock { writer throws(StorageError) in
            var next = writer
            try handle.write { try next.closeReservation(in: $0) }
            writer = next
        }
    }

    /// Closes the file and moves it aside under a new name. What is opened next is a new one.
    /// - Parameter tag: the end of its new name; must be new.
    /// - Returns: the new name.
    public func moveAside(tag: String) throws(StorageError) -> String {
        var word = "damaged"
        if case .tooNew? = stopped { word = "later" }
        handle.shut(for: stopped ?? .damaged(path: path, reason: "it is moved aside"))
        let aside = "\(path).\(word)-\(tag)"
        // The WAL first: without its main file it is never taken for another one's.
        for suffix in ["-wal", "-shm", ""] where rename(path + suffix, aside + suffix) != 0 && errno != ENOENT {
            throw .unusable(path: path, reason: "it is damaged and cannot be renamed (errno \(errno))")
        }
        Self.forgetOldest(beside: path)
        return aside
    }

    /// The latest file that was moved aside is kept for a look at it, with its log; what is older goes.
    private static func forgetOldest(beside path: String) {
        let place = path.lastIndex(of: "/") ?? path.startIndex
        let name = String(path[place...].drop { $0 == "/" })
        for prefix in ["\(name).damaged-", "\(name).later-"] {
            // What cannot be removed is in nobody's way.
            try? DurableFile.keepNewest(3, withPrefix: prefix, in: String(path[..<place]))
        }
    }
}
