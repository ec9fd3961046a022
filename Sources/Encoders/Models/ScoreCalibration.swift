import Inference

/// What cosines between unrelated items look like in a model's space, so that a score can be read without
/// knowing the model.
public struct ScoreCalibration: Sendable, Equatable {
    /// Which pairs a score is about.
    public enum Pair: Sendable { case imageImage, textImage }

    /// Cosines of random pairs of pictures at evenly spaced quantiles, the smallest first, the largest last.
    public let imageImageQuantiles: [Float]
    /// The same for random pairs of a text and a picture; empty when the model has no text tower.
    public let textImageQuantiles: [Float]
    /// The cosine from which two pictures are taken for copies of each other, when it was measured.
    public let copyThreshold: Float?

    /// The share of random pairs that score lower, from 0 to 1; nil when the pair was not measured.
    public func shareBelow(_ score: Float, _ pair: Pair) -> Float? {
        let quantiles = pair == .imageImage ? imageImageQuantiles : textImageQuantiles
        guard quantiles.count >= 2, let first = quantiles.first, let last = quantiles.last, !score.isNaN
        else { return nil }
        if score <= first { return 0 }
        if score >= last { return 1 }
        let above = quantiles.firstIndex { $0 > score } ?? quantiles.count - 1
        let (low, high) = (quantiles[above - 1], quantiles[above])
        let part = high > low ? (score - low) / (high - low) : 0
        return (Float(above - 1) + part) / Float(quantiles.count - 1)
    }

    /// Reads the `calibration` object of config.json.
    init(_ json: JSON, file: String) throws(ModelError) {
        func quantiles(_ name: String) throws(ModelError) -> [Float] {
            guard let value = json[name] else { return [] }
            guard let numbers = value.numbers?.map({ Float($0) }), numbers.count >= 2,
                zip(numbers, numbers.dropFirst()).allSatisfy({ $0 <= $1 })
            else { throw .file(file, "calibration.\(name) is no rising list of numbers") }
            return numbers
        }
        imageImageQuantiles = try quantiles("image_image_quantiles")
        textImageQuantiles = try quantiles("text_image_quantiles")
        copyThreshold = json["copy_threshold"]?.number.map { Float($0) }
    }
}
