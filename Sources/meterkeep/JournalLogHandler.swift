import Board
import Logging

/// Writes to systemd's journal, with everything that is known of an entry as a field of its own:
/// `journalctl METERKEEP_BUS=bus1`.
struct JournalLogHandler: LogHandler {
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    private let journal: JournalSocket
    private let label: String
    /// Where the journal does not take it.
    private let fallback: StreamLogHandler

    init(label: String, journal: JournalSocket = JournalSocket()) {
        self.label = label
        self.journal = journal
        fallback = StreamLogHandler.standardError(label: label)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let known = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
        let fields =
            [
                ("MESSAGE", Self.text(event.message, known)), ("PRIORITY", Self.priority(event.level)),
                ("SYSLOG_IDENTIFIER", label),
            ] + known.map { (JournalSocket.fieldName($0.key), $0.value.description) }
        guard !journal.send(fields) else { return }
        fallback.log(event: event)
    }

    /// What `journalctl` shows without being asked for fields.
    private static func text(_ message: Logger.Message, _ known: [(key: String, value: Logger.Metadata.Value)])
        -> String
    {
        guard !known.isEmpty else { return message.description }
        return "\(message): " + known.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    /// syslog(3)'s levels.
    private static func priority(_ level: Logger.Level) -> String {
        switch level {
        case .critical: "2"
        case .error: "3"
        case .warning: "4"
        case .notice: "5"
        case .info: "6"
        case .debug, .trace: "7"
        }
    }
}
