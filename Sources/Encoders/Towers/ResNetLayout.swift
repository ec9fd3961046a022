package import Inference

/// What the parts of a residual network are called in a file.
package enum ResNetNaming: Sendable {
    /// conv1, layer1.0.conv1, layer1.0.downsample.0: torchvision's names, which timm shares.
    case torchvision
    /// embedder.embedder, encoder.stages.0.layers.0.layer.0, …: those of transformers' `ResNetModel`.
    case transformers

    /// A convolution and the batch normalisation behind it.
    package struct Unit: Sendable {
        let convolution: String, norm: String
        var weight: String { convolution + ".weight" }

        /// All tensors it may have.
        var tensors: [String] {
            [weight]
                + ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map {
                    "\(norm).\($0)"
                }
        }
    }

    var stem: Unit {
        switch self {
        case .torchvision: Unit(convolution: "conv1", norm: "bn1")
        case .transformers:
            Unit(convolution: "embedder.embedder.convolution", norm: "embedder.embedder.normalization")
        }
    }

    /// The prefix of a block; stages count from 1, blocks from 0.
    func block(_ stage: Int, _ index: Int) -> String {
        switch self {
        case .torchvision: "layer\(stage).\(index)"
        case .transformers: "encoder.stages.\(stage - 1).layers.\(index)"
        }
    }

    /// A block's convolution, counted from 1, below its prefix.
    func convolution(_ number: Int) -> Unit {
        switch self {
        case .torchvision: Unit(convolution: "conv\(number)", norm: "bn\(number)")
        case .transformers:
            Unit(convolution: "layer.\(number - 1).convolution", norm: "layer.\(number - 1).normalization")
        }
    }

    /// The convolution beside a block, below its prefix.
    var shortcut: Unit {
        switch self {
        case .torchvision: Unit(convolution: "downsample.0", norm: "downsample.1")
        case .transformers: Unit(convolution: "shortcut.convolution", norm: "shortcut.normalization")
        }
    }
}

/// A residual network's kind, widths and depths, counted from tensor names and shapes without building it.
package struct ResNetLayout: Sendable, Equatable {
    /// The kind of its blocks.
    package let kind: ResNet.BlockKind
    /// Channels after each of the four stages, and blocks in each.
    package let widths: [Int], depths: [Int]

    /// Reads names and shapes; throws when a stage is missing.
    package init(_ reader: WeightReader, naming: ResNetNaming = .torchvision) throws {
        func name(_ stage: Int, _ index: Int, _ convolution: Int) -> String {
            "\(naming.block(stage, index)).\(naming.convolution(convolution).weight)"
        }
        guard let stem = reader.shape(naming.stem.weight) else {
            throw reader.failure(
                naming.stem.weight,
                reader.has("conv1.0.weight")
                    ? "is missing: stems of several convolutions (resnet50d and the like) are not supported"
                    : "is missing")
        }
        guard stem.count == 4, stem[0] > 0, stem[1...] == [3, 7, 7] else {
            throw reader.failure(naming.stem.weight, "has shape \(stem), expected [width, 3, 7, 7]")
        }
        kind = reader.has(name(1, 0, 3)) ? .bottleneck : .basic
        var widths: [Int] = [], depths: [Int] = []
        for stage in 1...4 {
            let last = name(stage, 0, kind == .bottleneck ? 3 : 2)
            guard let shape = reader.shape(last) else { throw reader.failure(last, "is missing") }
            guard shape.count == 4 else {
                throw reader.failure(last, "has shape \(shape), expected four dimensions")
            }
            widths.append(shape[0])
            var depth = 1
            while reader.has(name(stage, depth, 1)) { depth += 1 }
            depths.append(depth)
        }
        self.widths = widths
        self.depths = depths
    }

    /// Coordinates of the pooled vector.
    package var width: Int { widths[3] }

    /// "ResNet-50" for the published ones, else depths and widths.
    package var label: String {
        let layers = 2 + depths.reduce(0, +) * (kind == .bottleneck ? 3 : 2)
        let published =
            [18, 34, 50, 101, 152].contains(layers) && widths[0] == (kind == .bottleneck ? 256 : 64)
        return published
            ? "ResNet-\(layers)" : "ResNet (\(kind.rawValue) \(depths), widths \(widths))"
    }

    /// Throws when a file has tensors that a plain network has not: they would change its vectors.
    ///
    /// Squeeze-and-excitation, deep stems and other variants show in their names.
    package func requireNothingElse(in reader: WeightReader, naming: ResNetNaming, head: [String]) throws {
        var known = Set(naming.stem.tensors + head)
        for stage in 1...4 {
            for index in 0..<depths[stage - 1] {
                let units =
                    (1...(kind == .bottleneck ? 3 : 2)).map { naming.convolution($0) } + [naming.shortcut]
                for name in units.flatMap(\.tensors) { known.insert("\(naming.block(stage, index)).\(name)") }
            }
        }
        if let other = reader.names.filter({ !known.contains($0) }).min() {
            throw reader.failure(other, "is in no plain ResNet; its variants are not supported")
        }
    }
}
