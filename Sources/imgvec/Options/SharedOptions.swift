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

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What pictures' vectors are computed with: fp32, or int8, which is several times faster on processors "
                + "with AVX-512 VNNI and slightly different; the two are not compared with each other.",
            valueName: "numbers"))
    var numbers: NumbersArgument?

    /// Whether anything was asked for.
    var isGiven: Bool { model != nil || layer != nil || numbers != nil }

    /// The model asked for, or the embedded one.
    ///
    /// Where int8 was asked for and its vectors are not near enough to those in floats, floats are used, and that is
    /// said.
    func load() throws -> Model {
        let model = try Self.load(model)
        let layered = try layer.map { try model.reading($0.layer) } ?? model
        guard numbers == .int8, layered.hasImageEncoder else { return layered }
        let faster = try layered.computing(in: .int8)
        let records = AgreementRecords.standard(program: Imgvec.version)
        let agreement = try records?.agreement(of: faster) ?? faster.agreementWithFloats()
        if agreement.suffices { return faster }
        StandardError.write(
            "imgvec: int8 vectors of \(layered.name) agree with fp32 only to a cosine of "
                + "\(NumberText.fixed(agreement.smallest, 3)); computing in fp32")
        return layered
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

/// Numbers to compute with, as a word on the command line.
enum NumbersArgument: String, ExpressibleByArgument, CaseIterable { case fp32, int8 }

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
