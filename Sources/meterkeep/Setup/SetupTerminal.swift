import Commissioning
import Foundation

/// The guided setup's terminal: plain lines, no colours, nothing moves the cursor.
struct SetupTerminal {
    private var width: Int {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return SetupScreen.widest }
        return Int(size.ws_col)
    }

    /// - Returns: nil at the end of the input.
    func ask(_ question: SetupQuestion, news: [String]) -> String? {
        for line in SetupScreen.lines(question, news: news, width: width) { show(line) }
        FileHandle.standardOutput.write(Data(SetupScreen.prompt(question).utf8))
        return readLine()
    }
}
