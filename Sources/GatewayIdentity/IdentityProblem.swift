/// Why the gateway's identity cannot be made, kept or taken: where, what, what to do.
public enum IdentityProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file or folder cannot be used.
    case file(path: String, reason: String)
    /// What the platform gave is not this gateway's identity.
    case notOurs(String)

    public var description: String {
        switch self {
        case .file(let path, let reason):
            "\(path): \(reason); check that the folder is there, writable and not full, or run this as root"
        case .notOurs(let what):
            "what the platform gave is no identity for this box: \(what); nothing was changed. Tell the platform's "
                + "operator"
        }
    }
}
