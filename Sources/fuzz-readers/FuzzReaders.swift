import CFuzzer
import Foundation
import ReaderChecks

/// libFuzzer over everything that reads bytes from outside. The first byte of an input says which reader it is for.
/// Built by `scripts/fuzz` alone.
///
///     fuzz-readers --corpus FOLDER    writes what it is to begin with, and ends
@main
struct FuzzReaders {
    static func main() throws {
        let words = CommandLine.arguments
        if words.count == 3, words[1] == "--corpus" {
            try writeCorpus(words[2])
            return
        }
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        _ = LLVMFuzzerRunDriver(&count, &arguments, readOneInput)
    }

    private static func writeCorpus(_ folder: String) throws {
        let root = URL(filePath: FileManager.default.currentDirectoryPath)
        for (index, check) in ReaderCheck.allCases.enumerated() {
            for (number, sample) in try Samples.of(check, root: root).enumerated() {
                try Data([UInt8(index)] + sample).write(to: URL(filePath: "\(folder)/\(check)-\(number)"))
            }
        }
    }
}

/// Called by libFuzzer for every input, under the name that it looks for.
@_cdecl("LLVMFuzzerTestOneInput")
func readOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard size > 0, let data else { return 0 }
    let checks = ReaderCheck.allCases
    let check = checks[Int(data[0]) % checks.count]
    let bytes = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
    if let problem = check.problem(with: bytes) { preconditionFailure("\(check): \(problem)") }
    return 0
}
