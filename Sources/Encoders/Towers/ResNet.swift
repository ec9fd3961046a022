package import Imaging
package import Inference

/// A residual network (He et al., 2015) up to its global average pool; batch normalisation is folded at load.
///
/// Sizes are read off the tensors' shapes: basic blocks as in ResNet-18 and 34, or bottleneck blocks as in 50,
/// 101 and 152 with the stride in their 3 x 3 convolution; any widths and depths.
package struct ResNet: ImageTower {
    /// The two kinds of residual block.
    package enum BlockKind: String, Sendable { case basic, bottleneck }

    package let kind: BlockKind
    /// Blocks in each of the four stages.
    package let depths: [Int]
    /// Channels after each stage.
    package let widths: [Int]
    package let dimension: Int
    package let batch: Int = 8

    let stem: Convolution
    /// The same of pictures' own bytes, where the network computes with them.
    private let pixelStem: PixelConvolution?
    let stages: [[Block]]
    private let projection: Linear?
    static let stemPool = MaxPool(kernel: 3, stride: 2, padding: 1)
    /// What to expect of maps of bytes, where the network computes with them.
    private let expectations: ByteExpectations?

    struct Block: Sendable {
        let inner: [Convolution]
        let last: Convolution
        let shortcut: Convolution?

        var convolutions: [Convolution] { inner + [last] + (shortcut.map { [$0] } ?? []) }

        func apply(to x: inout Tensor) throws {
            var y = x
            for convolution in inner { y = try convolution(y) }
            if let shortcut { x = try shortcut(x) }
            try last.add(y, to: &x)
        }
    }

    /// Reads a network; `projection` is applied to the pooled vector when the model has one.
    package init(
        _ reader: WeightReader, naming: ResNetNaming = .torchvision, projection: Linear? = nil
    ) throws {
        let layout = try ResNetLayout(reader, naming: naming)
        kind = layout.kind
        depths = layout.depths
        stem = try ResNet.convolution(reader, naming.stem, inputs: 3, kernel: 7, stride: 2, relu: true)
        var stages: [[Block]] = [], widths: [Int] = []
        var width = stem.outputs
        for stage in 1...4 {
            var blocks: [Block] = []
            for index in 0..<layout.depths[stage - 1] {
                let made = try ResNet.block(
                    reader.under(naming.block(stage, index)), naming, kind, inputs: width,
                    stride: stage > 1 && index == 0 ? 2 : 1)
                width = made.last.outputs
                blocks.append(made)
            }
            stages.append(blocks)
            widths.append(width)
        }
        self.stages = stages
        self.widths = widths
        let all = [stem] + stages.joined().flatMap(\.convolutions)
        expectations = all.allSatisfy(\.computesWithBytes) ? ByteExpectations() : nil
        pixelStem = expectations == nil ? nil : PixelConvolution(stem)
        precondition(projection == nil || projection?.inputs == width)
        self.projection = projection
        dimension = projection?.outputs ?? width
    }

    private static func block(
        _ reader: WeightReader, _ naming: ResNetNaming, _ kind: BlockKind, inputs: Int, stride: Int
    ) throws -> Block {
        let shortcut: Convolution? =
            reader.has(naming.shortcut.weight)
            ? try convolution(reader, naming.shortcut, inputs: inputs, kernel: 1, stride: stride, relu: false)
            : nil
        let inner: [Convolution], last: Convolution
        switch kind {
        case .basic:
            let first = try convolution(
                reader, naming.convolution(1), inputs: inputs, kernel: 3, stride: stride, relu: true)
            inner = [first]
            last = try convolution(
                reader, naming.convolution(2), inputs: first.outputs, kernel: 3, stride: 1, relu: true,
                adding: true)
        case .bottleneck:
            let first = try convolution(
                reader, naming.convolution(1), inputs: inputs, kernel: 1, stride: 1, relu: true)
            let second = try convolution(
                reader, naming.convolution(2), inputs: first.outputs, kernel: 3, stride: stride, relu: true)
            inner = [first, second]
            last = try convolution(
                reader, naming.convolution(3), inputs: second.outputs, kernel: 1, stride: 1, relu: true,
                adding: true)
        }
        let carried = shortcut?.outputs ?? inputs
        guard carried == last.outputs, shortcut != nil || stride == 1 else {
            throw reader.failure(
                naming.shortcut.weight, "is needed to turn \(carried) channels into \(last.outputs)")
        }
        return Block(inner: inner, last: last, shortcut: shortcut)
    }

    private static func convolution(
        _ reader: WeightReader, _ names: ResNetNaming.Unit, inputs: Int, kernel: Int, stride: Int,
        relu: Bool, adding: Bool = false
    ) throws -> Convolution {
        let weights = try reader.weights(names.weight)
        guard weights.shape.count == 4, weights.shape[0] > 0, weights.shape[1...] == [inputs, kernel, kernel]
        else {
            let isGrouped = weights.shape.count == 4 && kernel == 3 && inputs % max(1, weights.shape[1]) == 0
            throw reader.failure(
                names.weight,
                "has shape \(weights.shape), expected [channels, \(inputs), \(kernel), \(kernel)]"
                    + (isGrouped ? "; grouped convolutions (ResNeXt) are not supported" : ""))
        }
        return Convolution(
            weights, try reader.batchNorm(names.norm, channels: weights.shape[0]), stride: stride,
            padding: kernel / 2, relu: relu, adding: adding)
    }

    /// The stages whose maps are large next to the caches, which pictures go through one at a time.
    static let stagesApart = 2

    /// A network that computes with bytes tells `trace` nothing.
    package func callAsFunction(
        _ pixels: consuming Tensor, trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        let pooled =
            try expectations.map { try pooledInBytes(pixels, try $0.scales(of: self)) }
            ?? pooled(pixels, trace)
        return try projection.map { try $0(pooled) } ?? pooled
    }

    package func callAsFunction(
        _ pictures: ArraySlice<PixelBuffer>, preparedBy preprocessing: Preprocessing
    ) throws -> Tensor? {
        guard let expectations, let pixelStem else { return nil }
        let pooled = try pooledInBytes(
            pictures, preprocessing, by: pixelStem, try expectations.scales(of: self))
        return try projection.map { try $0(pooled) } ?? pooled
    }

    private func pooled(_ pixels: Tensor, _ trace: (String, Tensor) -> Void) throws -> Tensor {
        let count = pixels.shape[0]
        var parts: [Tensor] = []
        parts.reserveCapacity(count)
        for picture in 0..<count {
            var x = ResNet.stemPool(try stem(pixels.channelsLast(of: picture)))
            trace("stem", x)
            try apply(0..<ResNet.stagesApart, to: &x, trace)
            parts.append(x)
        }
        // The others go through together, so that weights are read once for all of them.
        var x = Tensor(joining: parts)
        try apply(ResNet.stagesApart..<stages.count, to: &x, trace)
        return x.meanOverPositions()
    }

    private func apply(_ range: Range<Int>, to x: inout Tensor, _ trace: (String, Tensor) -> Void) throws {
        for index in range {
            for block in stages[index] { try block.apply(to: &x) }
            trace("stage.\(index + 1)", x)
        }
    }
}
