import ArgumentParser
import Encoders
import Imaging
import SystemPackage
import SystemSupport

extension Models {
    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "info",
            abstract: "Describe a model.",
            discussion: """
                --speed also measures it here for about two seconds a tower, with random input, on all cores: the \
                towers alone, as reading and decoding pictures depends on the pictures.
                """)

        @Argument(help: ArgumentHelp("A name or path; without it, the embedded model.", valueName: "model"))
        var model: PathArgument?

        @Flag(help: "Measure pictures and texts per second on this machine.")
        var speed = false

        func run() throws {
            let model = try ModelChoice.load(model)
            let preprocessing = try model.imageEncoder?.preprocessing
            let towers = [model.hasImageEncoder ? "image" : nil, model.hasTextEncoder ? "text" : nil]
            var lines = [
                ("name", model.name), ("architecture", model.architecture),
                ("dimension", "\(model.dimension)"), ("parameters", "\(model.parameterCount)"),
                ("towers", towers.compactMap { $0 }.joined(separator: ", ")),
            ]
            if let preprocessing {
                lines.append(
                    ("input", "\(preprocessing.width)×\(preprocessing.height) pixels, \(preprocessing.mode)"))
            }
            if let scale = model.logitScale { lines.append(("logit scale", NumberText.fixed(scale, 3))) }
            lines.append(("fingerprint", model.fingerprint))
            lines += try Self.provenance(model)
            if speed {
                if let encoder = try model.imageEncoder {
                    lines.append(("pictures/s", Self.rate(try EncoderSpeed.pictures(encoder))))
                }
                if let encoder = try model.textEncoder {
                    lines.append(("texts/s", Self.rate(try EncoderSpeed.texts(encoder))))
                }
            }
            for (name, value) in lines {
                let padding = String(repeating: " ", count: max(1, 14 - name.count))
                StandardOutput.shared.write("\(name)\(padding)\(value)\n")
            }
        }

        /// Licence, place and origin of an installed model.
        private static func provenance(_ model: Model) throws -> [(String, String)] {
            switch model.source {
            case .embedded: return [("license", "Apache-2.0"), ("source", "inside imgvec")]
            case .file(let path): return [("source", PathText.forTerminal(path))]
            case .folder(let path):
                var lines = [("source", PathText.forTerminal(path))]
                guard let manifest = try ModelManifest.read(path) else { return lines }
                lines.insert(("license", manifest.license ?? "not stated"), at: 0)
                if let origin = manifest.origin {
                    lines.append(("pulled from", "\(origin.endpoint)/\(origin.repository)"))
                    lines.append(("commit", origin.commit))
                }
                return lines
            }
        }

        private static func rate(_ value: Double) -> String {
            "\(NumberText.fixed(value, value < 100 ? 1 : 0)) (\(Platform.coreCount) cores)"
        }
    }
}
