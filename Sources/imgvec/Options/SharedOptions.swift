import ArgumentParser
import Encoders
import ImageLibrary
import Imaging
import SystemPackage

/// Which index a command works on.
struct IndexLocation: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The index folder to use.", valueName: "dir"))
    var index: PathArgument?

    func library() throws -> ImageLibrary { ImageLibrary(try LibraryPaths.locate(asked: index?.path)) }
}

/// Which model a command works with.
struct ModelChoice: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "An installed model's name, a Hugging Face CLIP folder, or a ResNet .safetensors file; "
                + "without it, the model inside imgvec.", valueName: "model"))
    var model: PathArgument?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Which of the model's results is a picture's vector: pooled (the usual one) or, for a classifier "
                + "such as ResNet, logits.", valueName: "layer"))
    var layer: LayerArgument?

    /// Whether anything was asked for.
    var isGiven: Bool { model != nil || layer != nil }

    /// The model asked for, or the embedded one.
    func load() throws -> Model {
        let model = try Self.load(model)
        return try layer.map { try model.reading($0.layer) } ?? model
    }

    /// The model that a name or path means; the embedded one when there is none.
    static func load(_ argument: PathArgument?) throws -> Model {
        guard let argument else { return try Model.embedded() }
        guard let name = String(validating: argument.path) else { return try Model.load(argument.path) }
        return try ModelStore.standard().resolve(name)
    }
}

/// A layer as a word on the command line.
enum LayerArgument: String, ExpressibleByArgument, CaseIterable {
    case pooled, logits

    var layer: OutputLayer {
        switch self {
        case .pooled: .pooled
        case .logits: .logits
        }
    }
}

/// What decoding may cost.
struct DecodingOptions: ParsableArguments {
    @Option(
        name: .customLong("max-megapixels"),
        help: ArgumentHelp("Pictures with more pixels than this are refused.", valueName: "n"))
    var maxMegapixels: Double = 300

    var limits: DecodeLimits {
        var limits = DecodeLimits()
        limits.maxMegapixels = maxMegapixels
        return limits
    }

    func validate() throws {
        guard maxMegapixels > 0, maxMegapixels <= 4000 else {
            throw ValidationError("--max-megapixels must be above 0 and at most 4000")
        }
    }
}

/// How much is said on standard error.
struct Verbosity: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Say nothing on standard error but errors.")
    var quiet = false
}
