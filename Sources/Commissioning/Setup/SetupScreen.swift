/// A question on a small terminal: plain ASCII, wrapped at words.
public enum SetupScreen {
    /// A phone held upright.
    public static let narrowest = 32
    public static let widest = 80

    /// The lines of a question, without the prompt's own line.
    public static func lines(_ question: SetupQuestion, news: [String], width: Int) -> [String] {
        let width = min(max(width, narrowest), widest)
        let rule = String(repeating: "-", count: width - 1)
        let told = news.flatMap { wrapped($0, to: width) }
        let head = wrapped("\(question.title)   (< back, q leave)", to: width)
        return told + [rule] + head + question.lines.flatMap { wrapped($0, to: width) }
    }

    /// `Name of this box [SITE-1]: `
    public static func prompt(_ question: SetupQuestion) -> String {
        question.usual.isEmpty ? "\(question.prompt): " : "\(question.prompt) [\(question.usual)]: "
    }

    /// Breaks at blanks; a longer word stands alone. Lines that go on are indented.
    static func wrapped(_ text: String, to width: Int) -> [String] {
        guard text.count >= width else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count >= width {
                lines.append(line)
                line = "  \(word)"
            } else {
                line += line.isEmpty ? String(word) : " \(word)"
            }
        }
        return lines + [line]
    }
}
