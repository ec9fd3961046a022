import ArgumentParser
import Encoders
import ModelHub
import SystemSupport

extension Models {
    struct Pull: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pull",
            abstract: "Download a model from Hugging Face and install it.",
            discussion: """
                Example: imgvec models pull openai/clip-vit-base-patch32

                Only what is needed is downloaded: configuration, tokenizer, card, and the weights as safetensors. \
                What imgvec cannot read is refused before its weights are downloaded. Every file is checked against \
                the hub's hash, and the model appears under its name at once when all is there. Interrupted in any \
                way, the same command goes on where it stopped. What the Hugging Face cache has is copied from there.

                Environment, as for Hugging Face's own tools: HF_TOKEN (private and gated models; else the token that \
                'hf auth login' stored), HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE=1 (install from the cache \
                only), HF_HUB_DOWNLOAD_TIMEOUT; https_proxy and no_proxy; SSL_CERT_FILE. Nothing else in imgvec uses \
                the network.

                Exit status: 0 installed, 1 not installed as you said no, 2 failed, 130 interrupted.
                """)

        /// Downloads above this are asked about.
        private static let largeDownload: Int64 = 1_000_000_000

        @Argument(help: ArgumentHelp("The model's name on the hub: owner/name.", valueName: "model"))
        var repository: String

        @Option(help: ArgumentHelp("A branch, tag or commit.", valueName: "revision"))
        var revision = "main"

        @Option(help: ArgumentHelp("The name to install it under (default: the hub's).", valueName: "name"))
        var name: String?

        @Flag(help: "Download more than 1 GB without asking.")
        var yes = false

        @Flag(name: .customLong("dry-run"), help: "Only list what would be downloaded, with sizes.")
        var dryRun = false

        @OptionGroup var verbosity: Verbosity

        func validate() throws {
            guard RepositoryName(repository) != nil else {
                throw ValidationError("'\(repository)' is no model's name on the hub; expected owner/name")
            }
            guard !revision.isEmpty, revision.utf8.count <= 255 else {
                throw ValidationError("--revision takes a branch, tag or commit")
            }
            if let name, !ModelStore.isUsable(name) { throw ModelError.unusableName(name) }
        }

        func run() throws {
            Interruption.catchSignals()
            guard let repository = RepositoryName(repository) else { throw ExitStatus.failure }
            let progress = PullProgress(isQuiet: verbosity.quiet)
            let pull = ModelHub.Pull(
                repository, revision: revision, name: name, store: try ModelStore.standard(),
                settings: try HubSettings.fromEnvironment(), userAgent: "imgvec/\(Imgvec.version)"
            ) { progress.hear($0) }
            do {
                let plan = try pull.plan()
                progress.clear()
                if dryRun { return list(plan) }
                guard let installed = try pull.install(plan, confirm: { try confirm($0, progress) }) else {
                    StandardError.write("nothing was installed")
                    throw ExitStatus.nothingFound
                }
                progress.clear()
                tell(plan, installed)
            } catch let error where Interruption.isRequested && !(error is ExitStatus) {
                progress.clear()
                StandardError.write("interrupted: what has come is kept, the same command goes on from there")
                throw ExitStatus.interrupted
            } catch {
                progress.clear()
                throw error
            }
        }

        private func list(_ plan: PullPlan) {
            let rows = plan.files.map { planned in
                let source =
                    switch planned.source {
                    case .cache: "in the Hugging Face cache"
                    case .hub(let there) where there == 0: "to download"
                    case .hub(let there): "to download, \(NumberText.bytes(there)) are there"
                    }
                return ["\(planned.file.size)", source, planned.file.name]
            }
            if Platform.isTerminal(1) {
                Table.write(header: ["bytes", "from", "file"], rows: rows)
            } else {
                for row in rows { StandardOutput.shared.write(row.joined(separator: "\t") + "\n") }
            }
            StandardError.write(
                plan.installed == nil
                    ? "\(plan.repository) at \(plan.commit.prefix(12)): \(NumberText.bytes(plan.bytesToDownload)) to download"
                    : "\(plan.repository) is installed already")
        }

        private func confirm(_ plan: PullPlan, _ progress: PullProgress) throws -> Bool {
            guard !yes, plan.bytesToDownload > Self.largeDownload else { return true }
            progress.clear()
            let size = NumberText.bytes(plan.bytesToDownload)
            guard Platform.isTerminal(0), Platform.isTerminal(2) else {
                throw PullRefusal(repository: plan.repository, size: size)
            }
            guard
                let answer = StandardError.ask("\(plan.repository) takes \(size) to download. Go on? [y/N] ")
            else { throw HTTPFailure.interrupted }
            progress.restart()
            return ["y", "yes"].contains(answer.lowercased())
        }

        private func tell(_ plan: PullPlan, _ installed: ModelStore.Installed) {
            guard !verbosity.quiet else { return }
            let manifest = installed.manifest
            StandardError.write(
                plan.installed == nil
                    ? "installed \(installed.name): \(manifest.architecture), \(NumberText.bytes(manifest.size)), "
                        + "license \(manifest.license ?? "not stated"); use it with --model \(installed.name)"
                    : "\(installed.name) is installed already, with the same content")
        }
    }
}

/// A large download that nobody was there to agree to.
private struct PullRefusal: Error, CustomStringConvertible {
    let repository: RepositoryName
    let size: String
    var description: String { "\(repository) takes \(size) to download; say --yes to download it" }
}

/// One line on a terminal while a model comes; notices as lines of their own.
private final class PullProgress {
    private let line: ProgressLine
    private let isQuiet: Bool
    private var start = Platform.monotonicSeconds()
    private var first: Int64?
    private var lastShown = 0.0

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        line = ProgressLine(isQuiet: isQuiet)
    }

    func clear() { line.clear() }

    /// Measures the rate from now on: the time that a question waits for its answer is not the network's.
    func restart() {
        start = Platform.monotonicSeconds()
        first = nil
    }

    func hear(_ event: ModelHub.Pull.Event) {
        switch event {
        case .notice(let text):
            line.clear()
            if !isQuiet { StandardError.write(text) }
        case .progress(let file, let done, let total): show(file, done, total)
        }
    }

    private func show(_ file: String, _ done: Int64, _ total: Int64) {
        let now = Platform.monotonicSeconds()
        let begun = first ?? done
        first = begun
        guard now - lastShown >= 0.1 else { return }
        lastShown = now
        let seconds = now - start, rate = Double(done - begun) / max(seconds, 0.001)
        var text = "\(file)  \(NumberText.bytes(done)) of \(NumberText.bytes(total))"
        // The first second is spent on asking about small files, and tells nothing of a large one.
        if rate > 0, seconds >= 1 {
            let left = ProgressLine.duration(Double(total - done) / rate)
            text += ", \(NumberText.bytes(Int64(rate)))/s, \(left) left"
        }
        line.show(text)
    }
}
