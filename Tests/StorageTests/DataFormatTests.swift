import Foundation
import Testing

@testable import Storage

@Suite("What the package knows of the files")
struct DataFormatTests {
    /// The package refuses to put an older program before newer files, and knows them by this list alone.
    @Test("packaging/data-formats names the versions that this program writes")
    func versions() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "packaging/data-formats"), encoding: .utf8)
        #expect(
            text == """
                ledger.db \(LedgerLayout.layout.version)
                telemetry.db \(TelemetryLayout.layout.version)

                """, "write the new version into packaging/data-formats")
    }
}
