package import Inference

/// CLIP's residual network (Radford et al., 2021): three convolutions and an average pool as the stem, average
/// pools instead of strides in the blocks, and attention over the last pixels instead of their mean.
///
/// Sizes are read off the tensors' shapes: any widths and depths, and the picture's side from the attention's
/// positions.
package struct ModifiedResNet: ImageTower {
    package let dimension: Int
    package let batch: Int = 8
    /// The side of the pictures, in pixels.
    package let imageSide: Int
    /// Blocks in each of the four stages.
    package let depths: [Int]
    /// Channels after the stem.
    package let width: Int

    private let stem: [Convolution]
    private let stages: [[Block]]
    private let head: SpatialAttentionPool
    private static let halve = AveragePool(side: 2)

    private struct Block: Sendable {
        let inner: [Convolution]
        let last: Convolution
        let shortcut: Convolution?
        let halves: Bool

        func apply(to x: inout Tensor) throws {
            var y = x
            for convolution in inner { y = try convolution(y) }
            if halves { y = ModifiedResNet.halve(y) }
            if let shortcut { x = try shortcut(halves ? ModifiedResNet.halve(x) : x) }
            try last.add(y, to: &x)
        }
    }

    /// How a library names the network's tensors.
    enum Naming: Sendable {
        /// OpenAI and OpenCLIP: `conv1`, `layer1.0.conv1`, `attnpool.q_proj`.
        case openAI
        /// timm: `stem.conv1.conv`, `stages.0.0.conv1_1x1.conv`, `head.q`.
        case timm

        func stem(_ index: Int) -> (String, String) {
            self == .openAI
                ? ("conv\(index)", "bn\(index)") : ("stem.conv\(index).conv", "stem.conv\(index).bn")
        }

        func block(_ stage: Int, _ index: Int) -> String {
            self == .openAI ? "layer\(stage).\(index)" : "stages.\(stage - 1).\(index)"
        }

        func convolution(_ index: Int) -> (String, String) {
            let name = "conv\(index)_\(index == 2 ? "kxk" : "1x1")"
            return self == .openAI ? ("conv\(index)", "bn\(index)") : ("\(name).conv", "\(name).bn")
        }

        var shortcut: (String, String) {
            self == .openAI ? ("downsample.0", "downsample.1") : ("shortcut.conv.conv", "shortcut.conv.bn")
        }
    }

    /// Reads a network under a library's names.
    init(_ reader: WeightReader, _ naming: Naming, projection: Int? = nil) throws {
        func convolution(
            _ reader: WeightReader, _ names: (String, String), inputs: Int, kernel: Int, stride: Int = 1,
            relu: Bool = true, adding: Bool = false
        ) throws -> Convolution {
            let weights = try reader.weights(names.0 + ".weight")
            guard weights.shape.count == 4, weights.shape[0] > 0,
                weights.shape[1...] == [inputs, kernel, kernel]
            else {
                throw reader.failure(
                    names.0 + ".weight",
                    "has shape \(weights.shape), expected [channels, \(inputs), \(kernel), \(kernel)]")
            }
            return Convolution(
                weights, try reader.batchNorm(names.1, channels: weights.shape[0]), stride: stride,
                padding: kernel / 2, relu: relu, adding: adding)
        }
        var width = 3
        stem = try (1...3).map { index in
            let made = try convolution(
                reader, naming.stem(index), inputs: width, kernel: 3, stride: index == 1 ? 2 : 1)
            width = made.outputs
            return made
        }
        self.width = width
        stages = try (1...4).map { stage in
            var blocks: [Block] = []
            while blocks.isEmpty
                || reader.has(naming.block(stage, blocks.count) + ".\(naming.convolution(1).0).weight")
            {
                let block = reader.under(naming.block(stage, blocks.count))
                let halves = stage > 1 && blocks.isEmpty
                let first = try convolution(block, naming.convolution(1), inputs: width, kernel: 1)
                let second = try convolution(block, naming.convolution(2), inputs: first.outputs, kernel: 3)
                let last = try convolution(
                    block, naming.convolution(3), inputs: second.outputs, kernel: 1, adding: true)
                let shortcut = naming.shortcut
                let carried: Convolution? =
                    block.has(shortcut.0 + ".weight")
                    ? try convolution(block, shortcut, inputs: width, kernel: 1, relu: false) : nil
                guard carried?.outputs ?? width == last.outputs else {
                    throw block.failure(
                        shortcut.0 + ".weight",
                        "is needed to turn \(carried?.outputs ?? width) channels into \(last.outputs)")
                }
                blocks.append(Block(inner: [first, second], last: last, shortcut: carried, halves: halves))
                width = last.outputs
            }
            return blocks
        }
        depths = stages.map(\.count)
        head = try SpatialAttentionPool(
            reader.under(naming == .openAI ? "attnpool" : "head"), naming, width: width,
            projection: projection)
        dimension = head.dimension
        imageSide = 32 * head.gridSide
    }

    package func callAsFunction(
        _ pixels: consuming Tensor, trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        var x = Tensor(joining: (0..<pixels.shape[0]).map { pixels.channelsLast(of: $0) })
        for convolution in stem { x = try convolution(x) }
        x = ModifiedResNet.halve(x)
        trace("stem", x)
        for (index, stage) in stages.enumerated() {
            for block in stage { try block.apply(to: &x) }
            trace("stage.\(index + 1)", x)
        }
        return try head(x)
    }
}
