import Foundation

/// A disk with a cache: what was synced is on it, what was written since may be lost.
struct CachingDisk {
    /// Contents by file name, as they are for good.
    fileprivate(set) var files: [String: [UInt8]]
    fileprivate var pending: [String: [DiskChange]] = [:]
    private var unsyncedNames: Set<String> = []
    /// Takes the disk for one whose syncs do nothing to a write-ahead log, as if it had been opened with less
    /// durability: its images must lose commits, or nothing is tested here.
    let forgetsSyncs: Bool

    /// - Parameter files: what is on it for good before the first change.
    init(_ files: [String: [UInt8]], forgetsSyncs: Bool) {
        self.files = files
        self.forgetsSyncs = forgetsSyncs
    }

    mutating func take(_ change: DiskChange) {
        guard let file = change.file else { return }
        guard case .sync = change else {
            pending[file, default: []].append(change)
            if case .create = change { unsyncedNames.insert(file) }
            return
        }
        if forgetsSyncs, file.hasSuffix("-wal") { return }
        for change in pending.removeValue(forKey: file) ?? [] { files.apply(change) }
        // With the first sync of a new journal or log SQLite syncs the directory, for all names in it.
        if unsyncedNames.remove(file) != nil { applyNames() }
    }

    /// What was written before a change of the name goes with it.
    private mutating func applyNames() {
        for (file, changes) in pending {
            guard let last = changes.lastIndex(where: \.isOfName) else { continue }
            for change in changes[...last] { files.apply(change) }
            pending[file] = Array(changes[(last + 1)...])
        }
    }
}

/// The files as a power cut leaves them: what was synced is there; of what was not, any part may be, in
/// any order, down to the single sector.
struct CrashImage {
    /// Contents by file name.
    private(set) var files: [String: [UInt8]]

    private static let sectorBytes = 512

    init(of disk: CachingDisk, using generator: inout some RandomNumberGenerator) {
        files = disk.files
        for (_, changes) in disk.pending.sorted(by: { $0.key < $1.key }) { applySome(of: changes, using: &generator) }
    }

    func write(to directory: String) throws {
        for (name, bytes) in files { try Data(bytes).write(to: URL(filePath: "\(directory)/\(name)")) }
    }

    private mutating func applySome(of changes: [DiskChange], using generator: inout some RandomNumberGenerator) {
        let policy = Int.random(in: 0..<5, using: &generator)
        let cut = Int.random(in: 0...changes.count, using: &generator)
        for (index, change) in changes.enumerated() {
            // None; all; all up to one; any of them; any sector of them.
            switch policy {
            case 0: return
            case 1: files.apply(change)
            case 2: if index < cut { files.apply(change) }
            default:
                if change.isOfName {
                    // A file system keeps the order of names.
                    guard Bool.random(using: &generator) else { return }
                    files.apply(change)
                } else if policy == 4, case .write(let file, let offset, let data) = change {
                    applySectors(of: data, to: file, at: offset, using: &generator)
                } else if Bool.random(using: &generator) {
                    files.apply(change)
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
            if Bool.random(using: &generator) { bytes.put(data[start..<end], at: offset + start) }
            start = end
        }
        files[file] = bytes
    }
}

extension [String: [UInt8]] {
    fileprivate mutating func apply(_ change: DiskChange) {
        switch change {
        case .write(let file, let offset, let data):
            // Taken out, so that it is changed in its place.
            var bytes = removeValue(forKey: file) ?? []
            bytes.put(data[...], at: offset)
            self[file] = bytes
        case .truncate(let file, let size):
            if let bytes = self[file], bytes.count > size { self[file] = Array<UInt8>(bytes.prefix(size)) }
        case .create(let file): self[file] = []
        case .delete(let file): self[file] = nil
        case .sync, .acknowledged: break
        }
    }
}

extension [UInt8] {
    fileprivate mutating func put(_ data: ArraySlice<UInt8>, at offset: Int) {
        let end = offset + data.count
        if count < end { self += [UInt8](repeating: 0, count: end - count) }
        replaceSubrange(offset..<end, with: data)
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
