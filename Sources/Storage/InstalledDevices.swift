private import Foundation
internal import GRDB
public import Metering

/// The devices of a site, looked up without a trace: the file is opened for reading alone, whether a
/// daemon runs or not.
public enum InstalledDevices {
    /// - Returns: empty where there is no ledger yet.
    public static func read(ledgerPath path: String) throws(StorageError) -> [SiteMeter] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            // Without a journal nobody writes: it is read as it lies, and nothing is made beside it.
            let isAtRest = !FileManager.default.fileExists(atPath: path + "-wal")
            let name = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
            let place = isAtRest ? "file:\(name)?immutable=1" : path
            let queue = try DatabaseQueue(path: place, configuration: configuration)
            defer { try? queue.close() }
            return try queue.read { try SiteTables.load($0).meters }
        } catch {
            throw StorageError.from(error, path: path)
        }
    }
}
