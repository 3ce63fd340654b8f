private import Foundation

/// Where the local API is to listen.
public struct SocketPlace: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    /// Looks at the place; nothing is made, removed or connected.
    /// - Throws: why no socket can be there.
    public func check() throws(GatewayProblem) {
        let longest = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1
        guard path.utf8.count <= longest else {
            throw .configuration("the socket \(path) has \(path.utf8.count) bytes in its path; keep it to \(longest)")
        }
        let folder = URL(filePath: path).deletingLastPathComponent().path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw .device("the directory \(folder) of the socket does not exist; create it, or correct 'socket'")
        }
        let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        guard type == nil || type == .typeSocket else {
            throw .configuration("\(path) is there already and is no socket; correct 'socket', or move it away")
        }
    }

    /// - Throws: that another program listens there.
    public func checkUnused() throws(GatewayProblem) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let isTaken = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        if isTaken {
            throw .busy("another program listens at \(path); stop it (fuser \(path)), or choose another 'socket'")
        }
    }
}
