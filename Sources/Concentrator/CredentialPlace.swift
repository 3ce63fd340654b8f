private import Foundation

/// Where keys are that only root may read: `credential:NAME` in the configuration is the file NAME of
/// /etc/meterkeep/credentials. systemd hands the daemon a copy that nobody else sees (LoadCredential= in
/// systemd.exec(5)); root reads the file itself.
enum CredentialPlace {
    static let prefix = "credential:"
    static let folder = "/etc/meterkeep/credentials"

    /// Nil for a text that names no credential.
    static func path(
        of text: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String? {
        guard text.hasPrefix(prefix) else { return nil }
        let name = text.dropFirst(prefix.count)
        guard !name.isEmpty, !name.contains("/") else { return nil }
        // A folder's files are handed over under the credential's name, an underscore and theirs.
        return environment["CREDENTIALS_DIRECTORY"].map { "\($0)/meterkeep_\(name)" } ?? "\(folder)/\(name)"
    }
}
