import Foundation

/// The files as a power cut leaves them: what was synced is there; of what was not, any part may be, in
/// any order, down to the single sector.
struct CrashImage {
    /// Contents by file name.
    private(set) var files: [String: [UInt8]] = [:]

    private static let sectorBytes = 512

    /// - Parameters:
    ///   - end: the changes before this one were asked for.
    ///   - forgetsSyncs: takes the disk for one whose syncs do nothing to a write-ahead log, as if it had
    ///     been opened with less durability: such images must lose commits, or nothing is tested here.
    init(
        _ recording: DiskRecording, before end: Int, forgetsSyncs: Bool,
        using generator: inout some RandomNumberGenerator
    ) {
        var pending: [String: [DiskChange]] = [:]
        var unsyncedNames: Set<String> = []
        for change in recording.changes[..<end] {
            guard let file = change.file else { continue }
            guard case .sync = change else {
                pending[file, default: []].append(change)
                if case .create = change { unsyncedNames.insert(file) }
                continue
            }
            if forgetsSyncs, file.hasSuffix("-wal") { continue }
            for change in pending.removeValue(forKey: file) ?? [] { apply(change) }
            // With the first sync of a new journal or log SQLite syncs the directory, for all names in it.
            if unsyncedNames.remove(file) != nil { applyNames(&pending) }
        }
        for (_, changes) in pending.sorted(by: { $0.key < $1.key }) { applySome(of: changes, using: &generator) }
    }

    func write(to directory: String) throws {
        for (name, bytes) in files { try Data(bytes).write(to: URL(filePath: "\(directory)/\(name)")) }
    }

    private mutating func apply(_ change: DiskChange) {
        switch change {
        case .write(let file, let offset, let data):
            var bytes = files.removeValue(forKey: file) ?? []
            Self.put(data[...], at: offset, in: &bytes)
            files[file] = bytes
        case .truncate(let file, let size):
            if let bytes = files[file], bytes.count > size { files[file] = Array(bytes.prefix(size)) }
        case .create(let file): files[file] = []
        case .delete(let file): files[file] = nil
        case .sync, .acknowledged: break
        }
    }

    /// What was written before a change of the name goes with it.
    private mutating func applyNames(_ pending: inout [String: [DiskChange]]) {
        for (file, changes) in pending {
            guard let last = changes.lastIndex(where: \.isOfName) else { continue }
            for change in changes[...last] { apply(change) }
            pending[file] = Array(changes[(last + 1)...])
        }
    }

    private mutating func applySome(of changes: [DiskChange], using generator: inout some RandomNumberGenerator) {
        let policy = Int.random(in: 0..<5, using: &generator)
        let cut = Int.random(in: 0...changes.count, using: &generator)
        for (index, change) in changes.enumerated() {
            // None; all; all up to one; any of them; any sector of them.
            switch policy {
            case 0: return
            case 1: apply(change)
            case 2: if index < cut { apply(change) }
            default:
                if change.isOfName {
                    // A file system keeps the order of names.
                    guard Bool.random(using: &generator) else { return }
                    apply(change)
                } else if policy == 4, case .write(let file, let offset, let data) = change {
                    applySectors(of: data, to: file, at: offset, using: &generator)
                } else if Bool.random(using: &generator) {
                    apply(change)
                }
            }
        }
    }

    private mutating func applySectors(
        of data: [UInt8], to file: String, at offset: Int, using generator: inout some RandomNumberGenerator
    ) {
        var bytes = files.removeValue(forKey: file) ?? []
        var start = 0
        while start < data.count {
            let sectorEnd = ((offset + start) / Self.sectorBytes + 1) * Self.sectorBytes - offset
            let end = min(data.count, sectorEnd)
            if Bool.random(using: &generator) { Self.put(data[start..<end], at: offset + start, in: &bytes) }
            start = end
        }
        files[file] = bytes
    }

    private static func put(_ data: ArraySlice<UInt8>, at offset: Int, in bytes: inout [UInt8]) {
        let end = offset + data.count
        if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
        bytes.replaceSubrange(offset..<end, with: data)
    }
}

extension DiskChange {
    fileprivate var file: String? {
        switch self {
        case .write(let file, _, _), .truncate(let file, _), .sync(let file), .delete(let file), .create(let file): file
        case .acknowledged: nil
        }
    }

    fileprivate var isOfName: Bool {
        switch self {
        case .create, .delete: true
        default: false
        }
    }
}
