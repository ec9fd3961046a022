/// Which of an image tower's results is a picture's vector.
public enum OutputLayer: String, Sendable, CaseIterable {
    /// What the model is made for: pooled features, projected where the model has a projection.
    case pooled
    /// The scores of a classifier's classes, before softmax.
    case logits
}
