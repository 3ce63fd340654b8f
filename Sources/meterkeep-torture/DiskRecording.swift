import CDiskRecorder

/// One change of a file, as SQLite asked for it.
enum DiskChange {
    case write(file: String, offset: Int, data: [UInt8])
    case truncate(file: String, size: Int)
    case sync(file: String)
    case delete(file: String)
    case create(file: String)
    /// The number of a step that was acknowledged to its caller.
    case acknowledged(step: Int)
}

/// Everything that was written to the files of one directory, in order.
struct DiskRecording {
    let changes: [DiskChange]

    /// - Parameters:
    ///   - directory: files elsewhere are left out.
    ///   - body: writes; calls the function it is given with the number of each step that is done.
    init(of directory: String, _ body: (_ acknowledge: (Int) -> Void) throws -> Void) throws {
        disk_recorder_start()
        try body { disk_recorder_mark(Int64($0)) }
        disk_recorder_stop()
        changes = (0..<disk_recorder_count()).compactMap { index in
            let event = disk_recorder_event(index)
            if event.kind == Int32(disk_mark) { return .acknowledged(step: Int(event.offset)) }
            let path = String(cString: disk_recorder_path(event.file))
            guard path.hasPrefix(directory + "/") else { return nil }
            return DiskChange(event, file: String(path.dropFirst(directory.count + 1)))
        }
    }
}

extension DiskChange {
    fileprivate init?(_ event: disk_event, file: String) {
        switch Int(event.kind) {
        case disk_write:
            guard let data = event.data else { return nil }
            let bytes = Array(UnsafeBufferPointer(start: data, count: Int(event.length)))
            self = .write(file: file, offset: Int(event.offset), data: bytes)
        case disk_truncate: self = .truncate(file: file, size: Int(event.offset))
        case disk_sync: self = .sync(file: file)
        case disk_delete: self = .delete(file: file)
        case disk_create: self = .create(file: file)
        default: return nil
        }
    }
}
