import ArgumentParser
import Foundation
import Metering
import Prepaid

struct MalignantCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "malignant", abstract: "Judges the malignant-load detection on recorded appliances.")

    @Option(help: "Recordings of single appliances: appliance,device,day,second_of_day,active_power_w.")
    var appliances: String
    @Option(help: "A recording of a kettle, a vacuum cleaner and a water heater together.")
    var together: String

    func run() throws {
        let bench = MalignantBench(traces: try ApplianceTrace.read(path: appliances))
        let report = try bench.report()
        print("Single appliances: real active power, reactive power made up from each appliance's usual power factor")
        print("with a meter's error on it. Mixtures: sums of those. Every phase of a slower poll counts as a circuit.")
        for line in report.lines { print(line) }
        print("\nA kettle, a vacuum cleaner and a water heater together: real active and reactive power.")
        var table = TextTable(["poll", "rule", "heaters found", "vacuum cleaners taken for heaters"])
        let recording = try TogetherRecording(csv: try String(contentsOfFile: together, encoding: .utf8))
        for row in try recording.rows() { table.add(row) }
        for line in table.lines { print(line) }
        print("")
        for figure in report.figures { print(figure.line) }
    }
}
