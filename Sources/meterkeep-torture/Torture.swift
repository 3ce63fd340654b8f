import ArgumentParser
import Foundation

/// Tries to make the gateway lose or double something.
@main
struct Torture: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meterkeep-torture",
        abstract: "Power cuts, failing disks, flipped bits and kills, with everything compared afterwards.",
        discussion: "Exit code 0 when nothing was lost or doubled, 1 when something was.",
        subcommands: [Images.self, Faults.self, Flips.self, Kills.self, StorageBench.self])
}

/// One line a figure, as the bench prints them.
func figure(_ name: String, _ value: Int) { print("figure \(name) \(value) count") }

struct Images: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cut the power: of what was written and not synced any part may be missing, in any order, torn.")

    @Option(help: "So many images of what a power cut leaves.") var count = 1000
    @Option(help: "Another seed draws other cuts.") var seed: UInt64 = 1
    @Option(help: "Commits in each recording that is cut.") var steps = 170
    @Option(help: "Images of one recording.") var perRecording = 125
    @Flag(help: "Take the disk for one that ignores syncs: this must find losses, or nothing is tested.")
    var forgetSyncs = false

    func run() async throws {
        let run = ImageRun(imagesPerRecording: perRecording, stepsPerRecording: steps, forgetsSyncs: forgetSyncs)
        let tally = try run.run(images: count, seed: seed)
        for complaint in tally.complaints { print("  \(complaint)") }
        figure("crash_images", tally.images)
        figure("lost", tally.lost)
        figure("doubled", tally.doubled)
        if tally.lost + tally.doubled > 0 { throw ExitCode.failure }
    }
}
