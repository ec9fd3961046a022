import ArgumentParser
import Encoders
import SystemPackage
import SystemSupport

struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List, install, describe and check models.",
        discussion: """
            A model is the one inside imgvec, a folder as Hugging Face publishes it (config.json, model.safetensors, \
            tokenizer files), or a ResNet as a .safetensors file. --model takes a name from this list (owner/name, \
            or name alone when it is the only one) or a path.

            Installed models stand under $IMGVEC_MODEL_DIR, else $XDG_DATA_HOME/imgvec/models, else \
            ~/.local/share/imgvec/models.
            """,
        subcommands: [List.self, Info.self, Pull.self, Add.self, Check.self, Remove.self],
        defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the embedded and the installed models.",
            discussion: """
                Entries of the store that cannot be read are named on standard error; the exit status is then 3. \
                So are pulls that were begun and not finished.
                """)

        func run() throws {
            let embedded = try Model.embedded()
            let contents = try ModelStore.standard().contents()
            var rows = [
                [embedded.name, "embedded", String(embedded.fingerprint.prefix(12)), embedded.architecture]
            ]
            for model in contents.installed {
                rows.append([
                    model.name, NumberText.bytes(model.manifest.size),
                    String(model.manifest.fingerprint.prefix(12)), model.manifest.architecture,
                ])
            }
            if Platform.isTerminal(1) {
                Table.write(header: ["name", "size", "fingerprint", "architecture"], rows: rows)
            } else {
                for row in rows { StandardOutput.shared.write(row.joined(separator: "\t") + "\n") }
            }
            try StandardOutput.shared.flush()
            for (name, size) in contents.unfinished {
                StandardError.write(
                    "\(name): \(NumberText.bytes(size)) of an unfinished installation; 'imgvec models pull \(name)' "
                        + "goes on, 'imgvec models remove \(name)' drops it")
            }
            for (name, reason) in contents.damaged {
                StandardError.write("imgvec: \(name): \(reason); 'imgvec models remove \(name)' drops it")
            }
            if !contents.damaged.isEmpty { throw ExitStatus.someUnreadable }
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Install a model: copy its files under a name.",
            discussion:
                "The model is opened and its towers are built first; only what can be used is installed.")

        @Argument(help: ArgumentHelp("A model folder or .safetensors file.", valueName: "path"))
        var path: PathArgument

        @Option(help: ArgumentHelp("The name to ask for it by (default: its own).", valueName: "name"))
        var name: String?

        func run() throws {
            Interruption.catchSignals()
            let installed = try ModelStore.standard().add(path.path, name: name)
            StandardError.write("installed \(installed.name) at \(PathText.forTerminal(installed.path))")
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Compare installed models' files with what was installed.",
            discussion:
                "Every model is checked, whatever is found; the exit status is 2 when one is not as installed."
        )

        @Argument(help: ArgumentHelp("Names (default: all installed models).", valueName: "name"))
        var names: [String] = []

        func run() throws {
            let store = try ModelStore.standard()
            var chosen = names
            if chosen.isEmpty {
                let contents = try store.contents()
                chosen = contents.installed.map(\.name) + contents.damaged.map(\.name)
            }
            var isGood = true
            for name in chosen {
                do {
                    try store.verify(name)
                    StandardError.write("\(name): as installed")
                } catch {
                    StandardError.write("imgvec: \(error)")
                    isGood = false
                }
            }
            if !isGood { throw ExitStatus.failure }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove an installed model and its files, or what an unfinished pull has left.")

        @Argument(help: ArgumentHelp("The model's name.", valueName: "name"))
        var name: String

        func run() throws { try ModelStore.standard().remove(name) }
    }
}
