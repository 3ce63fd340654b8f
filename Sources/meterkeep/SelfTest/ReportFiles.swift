import Commissioning
import Concentrator
import Foundation
import Storage

/// The report of a self-test, as text and as a page to print.
struct ReportFiles {
    let folder: String

    /// - Returns: what to show.
    func write(_ report: DoorReport) throws -> [String] {
        let text = "\(folder)/self-test.txt"
        let page = "\(folder)/self-test.html"
        do {
            try DurableFile.replace(text, with: Array(report.text.utf8))
            try DurableFile.replace(page, with: Array(report.page.utf8))
        } catch { throw GatewayProblem.device("\(error); choose another folder with --report") }
        return report.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            + ["For the door: \(text), \(page)"]
    }
}
