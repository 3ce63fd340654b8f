private import Glibc

extension DataDirectory {
    /// Gives what root has made in the directory to whoever owns it: the daemon is somebody else, and could not use it.
    /// Does nothing for others than root.
    public func giveToOwner() throws(StorageError) {
        var owner = stat()
        guard geteuid() == 0 else { return }
        guard stat(path, &owner) == 0 else { throw DurableFile.failure(path) }
        guard owner.st_uid != 0 else { return }
        try give(path, to: owner)
    }

    private func give(_ folder: String, to owner: stat) throws(StorageError) {
        for name in try DurableFile.names(in: folder) {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            if status.st_uid == 0, lchown(path, owner.st_uid, owner.st_gid) != 0 { throw DurableFile.failure(path) }
            if status.st_mode & S_IFMT == S_IFDIR { try give(path, to: owner) }
        }
    }
}
