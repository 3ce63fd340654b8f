import ArgumentParser

/// Measures the prepaid core. Not shipped: `scripts/bench` calls it.
@main
struct PrepaidBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepaid-bench",
        abstract: "Measures the prepaid core; prints tables and lines of `figure NAME VALUE UNIT`.",
        subcommands: [EvaluationsCommand.self, MalignantCommand.self])
}
