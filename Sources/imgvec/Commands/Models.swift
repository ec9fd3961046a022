import ArgumentParser
import Encoders
import Imaging
import SystemPackage
import SystemSupport

struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, install, describe and check models.",
        discussion: """
            A model is the one inside imgvec, a Hugging Face CLIP folder (config.json, model.safetensors, vocab.json, \
            merges.txt), or a ResNet as a .safetensors file with torchvision's names. --model takes a name from \
            this list or a path.

            Installed models stand under $IMGVEC_MODEL_DIR, else $XDG_DATA_HOME/imgvec/models, else \
            ~/.local/share/imgvec/models.
            """,
        subcommands: [List.self, Info.self, Add.self, Check.self, Remove.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the embedded and the installed models.")

        func run() throws {
            let embedded = try Model.embedded()
            var rows = [
                [embedded.name, "embedded", String(embedded.fingerprint.prefix(12)), embedded.architecture]
            ]
            for model in try ModelStore.standard().list() {
                rows.append([
                    model.name, NumberText.bytes(model.manifest.files.reduce(0) { $0 + $1.size }),
                    String(model.manifest.fingerprint.prefix(12)), model.manifest.architecture,
                ])
            }
            if Platform.isTerminal(1) {
                Table.write(header: ["name", "size", "fingerprint", "architecture"], rows: rows)
            } else {
                for row in rows { StandardOutput.shared.write(row.joined(separator: "\t") + "\n") }
            }
        }
    }

    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Describe a model.")

        @Argument(help: ArgumentHelp("A name or path; without it, the embedded model.", valueName: "model"))
        var model: PathArgument?

        func run() throws {
            let model = try ModelChoice.load(model)
            let preprocessing = try model.imageEncoder?.preprocessing
            let output = StandardOutput.shared
            output.write("name          \(model.name)\n")
            output.write("architecture  \(model.architecture)\n")
            output.write("dimension     \(model.dimension)\n")
            output.write("parameters    \(model.parameterCount)\n")
            output.write(
                "towers        \([model.hasImageEncoder ? "image" : nil, model.hasTextEncoder ? "text" : nil].compactMap { $0 }.joined(separator: ", "))\n"
            )
            if let preprocessing {
                output.write(
                    "input         \(preprocessing.width)×\(preprocessing.height) pixels, \(preprocessing.mode)\n"
                )
            }
            if let scale = model.logitScale { output.write("logit scale   \(NumberText.fixed(scale, 3))\n") }
            output.write("fingerprint   \(model.fingerprint)\n")
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Install a model: copy its files under a name.",
            discussion:
                "The model is opened and its towers are built first; only what can be used is installed.")

        @Argument(help: ArgumentHelp("A model folder or .safetensors file.", valueName: "path"))
        var path: PathArgument

        @Option(help: ArgumentHelp("The name to ask for it by (default: its own).", valueName: "name"))
        var name: String?

        func run() throws {
            let installed = try ModelStore.standard().add(path.path, name: name)
            StandardError.write("installed \(installed.name) at \(PathText.forTerminal(installed.path))")
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Compare installed models' files with what was installed.")

        @Argument(help: ArgumentHelp("Names (default: all installed models).", valueName: "name"))
        var names: [String] = []

        func run() throws {
            let store = try ModelStore.standard()
            let chosen = try names.isEmpty ? store.list().map(\.name) : names
            for name in chosen {
                try store.verify(name)
                StandardError.write("\(name): as installed")
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove an installed model and its files.")

        @Argument(help: ArgumentHelp("The model's name.", valueName: "name"))
        var name: String

        func run() throws { try ModelStore.standard().remove(name) }
    }
}
