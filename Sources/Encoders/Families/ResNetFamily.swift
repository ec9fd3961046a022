import Imaging
import Inference

/// ResNets as torchvision publishes them: one safetensors file, or a folder with one, and no config.json.
enum ResNetFamily: ModelFamily {
    static let mark = "a ResNet's tensors without config.json"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        let weights = sources.weights, files = sources.files
        guard sources.configuration == nil, weights.has("conv1.weight"), weights.has("layer4.0.conv1.weight")
        else { return nil }
        return ModelDescription(
            architecture: try ResNetSummary(weights).label, dimension: try ResNet.pooledWidth(weights),
            image: {
                TowerImageEncoder(
                    tower: try ResNet(weights),
                    preprocessing: try Preprocessing.read(files, side: 224) ?? .imageNet(side: 224))
            })
    }
}

/// A ResNet's widths and depths, counted from tensor names and shapes without building it.
struct ResNetSummary {
    let widths: [Int], depths: [Int]
    let isBottleneck: Bool

    init(_ reader: WeightReader) throws {
        isBottleneck = reader.has("layer1.0.conv3.weight")
        let last = isBottleneck ? "conv3.weight" : "conv2.weight"
        var widths: [Int] = [], depths: [Int] = []
        for stage in 1...4 {
            guard let shape = reader.shape("layer\(stage).0.\(last)") else {
                throw reader.failure("layer\(stage).0.\(last)", "is missing")
            }
            widths.append(shape.first ?? 0)
            var depth = 1
            while reader.has("layer\(stage).\(depth).conv1.weight") { depth += 1 }
            depths.append(depth)
        }
        self.widths = widths
        self.depths = depths
    }

    /// "ResNet-50" for the published ones, else depths and widths.
    var label: String {
        let layers = 2 + depths.reduce(0, +) * (isBottleneck ? 3 : 2)
        let published = [18, 34, 50, 101, 152].contains(layers) && widths[0] == (isBottleneck ? 256 : 64)
        return published
            ? "ResNet-\(layers)"
            : "ResNet (\(isBottleneck ? "bottleneck" : "basic") \(depths), widths \(widths))"
    }
}
