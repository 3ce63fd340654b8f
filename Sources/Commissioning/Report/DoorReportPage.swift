/// The report as a page to print: one file, nothing fetched, legible in black and white.
extension DoorReport {
    private static let style = """
        @page { size: A4; margin: 15mm; }
        body { font: 11pt/1.35 sans-serif; color: #000; background: #fff; margin: 2em auto; max-width: 180mm; }
        h1 { font-size: 20pt; margin: 0; } h2 { font-size: 13pt; margin: 1.4em 0 .4em; }
        .verdict { float: right; border: 3px solid #000; padding: .2em .6em; font-size: 16pt; font-weight: bold; }
        .failed { background: #000; color: #fff; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .25em .5em; border-bottom: 1px solid #999; vertical-align: top; }
        thead { display: table-header-group; } tr { break-inside: avoid; }
        .meters th:nth-child(4), .meters th:nth-child(5) { text-align: right; }
        td.number { text-align: right; font-variant-numeric: tabular-nums; }
        td.mark { font-weight: bold; white-space: nowrap; }
        .signature { margin-top: 3em; display: flex; gap: 2em; }
        .signature div { flex: 1; border-top: 1px solid #000; padding-top: .3em; font-size: 9pt; }
        """

    /// HTML (living standard), UTF-8.
    public var page: String {
        let seal = isPassed ? "verdict" : "verdict failed"
        var out = [
            "<!DOCTYPE html>", "<html lang=\"en\"><head><meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width\">",
            "<title>\(Self.escaped(gateway)): self-test</title>", "<style>\(Self.style)</style></head><body>",
            "<div class=\"\(seal)\">\(verdict)</div>", "<h1>\(Self.escaped(gateway))</h1>",
            "<p>Self-test of \(Self.escaped(at))</p>", "<h2>Checks</h2>", "<table><tbody>",
        ]
        for check in checks {
            let mark = check.outcome == .passed ? "ok" : check.outcome == .failed ? "FAILED" : "open"
            out.append(
                "<tr><td class=\"mark\">\(mark)</td><td>\(Self.escaped(check.name))</td>"
                    + "<td>\(Self.escaped(check.words))</td></tr>")
        }
        out += ["</tbody></table>", "<h2>Buses</h2>", "<table><tbody>"]
        for bus in buses {
            let cells = [bus.name, bus.port, bus.format].map { "<td>\(Self.escaped($0))</td>" }
            out.append("<tr>\(cells.joined())</tr>")
        }
        out += ["</tbody></table>", "<h2>Meters</h2>", "<table class=\"meters\"><thead><tr>"]
        out += Self.headings.map { "<th>\($0.prefix(1) + $0.dropFirst().lowercased())</th>" }
        out.append("</tr></thead><tbody>")
        for line in lines {
            let cells = cells(line).enumerated().map { index, cell in
                let kind = index == 3 || index == 4 ? " class=\"number\"" : index == 6 ? " class=\"mark\"" : ""
                return "<td\(kind)>\(Self.escaped(cell))</td>"
            }
            out.append("<tr>\(cells.joined())</tr>")
        }
        out.append("</tbody></table>")
        if !complaints.isEmpty { out.append("<h2>What is left to do</h2><ol>") }
        for complaint in complaints {
            let remedies = complaint.remedies.map { "<li>\(Self.escaped($0))</li>" }.joined()
            out.append(
                "<li><b>\(Self.escaped(complaint.place))</b>: \(Self.escaped(complaint.what))<ul>\(remedies)</ul></li>")
        }
        if !complaints.isEmpty { out.append("</ol>") }
        out.append("<div class=\"signature\"><div>Installer</div><div>Date</div><div>For the site</div></div>")
        out.append("</body></html>")
        return out.joined(separator: "\n") + "\n"
    }

    private static func escaped(_ text: String) -> String {
        String(
            text.flatMap { character -> String in
                switch character {
                case "&": "&amp;"
                case "<": "&lt;"
                case ">": "&gt;"
                case "\"": "&quot;"
                default: String(character)
                }
            })
    }
}
