/// One line of a CSV file (RFC 4180).
struct CSVLine: Hashable, Sendable {
    /// Where it starts, counted from 1.
    let number: Int
    let cells: [String]
}

enum CSV {
    /// Splits text into lines of cells. Quotes, doubled quotes, commas and line ends within quotes are
    /// read as RFC 4180 says; empty lines and lines that start with # are left out.
    static func parse(_ text: String) -> [CSVLine] {
        var lines: [CSVLine] = []
        var cells: [String] = []
        var cell = ""
        var isQuoted = false
        var number = 1
        var start = 1
        var characters = Array(text.unicodeScalars)[...]
        func endLine() {
            cells.append(cell.trimmingSpaces)
            cell = ""
            let isEmpty = cells.allSatisfy(\.isEmpty)
            if !isEmpty, !cells[0].hasPrefix("#") { lines.append(CSVLine(number: start, cells: cells)) }
            cells = []
        }
        while let character = characters.popFirst() {
            switch character {
            case "\"" where isQuoted && characters.first == "\"":
                characters.removeFirst()
                cell.unicodeScalars.append("\"")
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                cells.append(cell.trimmingSpaces)
                cell = ""
            case "\r" where !isQuoted: break
            case "\n":
                number += 1
                if isQuoted {
                    cell.unicodeScalars.append(character)
                } else {
                    endLine()
                    start = number
                }
            default: cell.unicodeScalars.append(character)
            }
        }
        if !cell.isEmpty || !cells.isEmpty { endLine() }
        return lines
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = Substring(self)
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
