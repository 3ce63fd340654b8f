import Foundation

/// Lets chance happen to a small site and writes what came of it, one JSON line an event, for a second model
/// to check: `prepaid-trace SEED EVENTS`. See scripts/check-model.
let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
guard numbers.count == 2, CommandLine.arguments.count == 3 else {
    FileHandle.standardError.write(Data("usage: prepaid-trace SEED EVENTS\n".utf8))
    exit(64)
}
var site = try RandomSite(seed: numbers[0])
var text = site.description + "\n"
for _ in 0..<numbers[1] {
    text += try site.next() + "\n"
    if text.utf8.count > 1 << 16 {
        try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        text = ""
    }
}
try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
