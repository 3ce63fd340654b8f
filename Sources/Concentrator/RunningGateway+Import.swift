internal import ConfigurationReader

extension RunningGateway {
    /// Checks an import file as a whole and installs it.
    /// - Throws: every problem of the file; nothing is installed then.
    public func install(csv text: String, file: String) async throws -> ImportSummary {
        let plan = try SiteImport(
            file: file, text: text, profiles: profiles, buses: Set(configuration.buses.map(\.id)),
            boardPoints: configuration.boardPoints)
        return try await site.install(plan)
    }
}
