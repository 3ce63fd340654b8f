import Commissioning
import Foundation
import Storage

/// Looks at the data directory; opens nothing for writing.
struct DataInspection {
    let path: String

    var state: DataState {
        let files = FileManager.default
        let exists = files.fileExists(atPath: path)
        let parent = URL(filePath: path).deletingLastPathComponent().path
        let place = exists ? path : parent
        var system = statvfs()
        let isKnown = statvfs(place, &system) == 0
        let names = (try? files.contentsOfDirectory(atPath: path)) ?? []
        return DataState(
            path: path, condition: condition(exists: exists, parent: parent, system: isKnown ? system : nil),
            freeBytes: isKnown ? Int64(clamping: UInt64(system.f_bavail) * UInt64(system.f_frsize)) : nil,
            // Some file systems count none.
            freeInodes: isKnown && system.f_files > 0 ? Int64(clamping: UInt64(system.f_favail)) : nil,
            movedAside: names.filter { $0.hasPrefix("before-") || $0.contains(".damaged-") }.sorted())
    }

    private func condition(exists: Bool, parent: String, system: statvfs?) -> DataState.Condition {
        if !exists, !FileManager.default.fileExists(atPath: parent) { return .parentAbsent }
        if let system, system.f_flag & UInt(ST_RDONLY) != 0 { return .readOnly }
        if access(exists ? path : parent, R_OK | W_OK | X_OK) != 0 { return .notPermitted }
        guard exists else { return .absent }
        do {
            _ = try InstalledDevices.read(ledgerPath: "\(path)/ledger.db")
            return .sound
        } catch { return .ledgerUnreadable("\(error)") }
    }
}
