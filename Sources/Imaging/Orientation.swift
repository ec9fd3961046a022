/// How a stored picture has to be turned and mirrored to stand upright: the eight values of the EXIF tag 0x0112.
///
/// A case says which side of the stored picture the upright top is: a picture stored `right` is turned clockwise by
/// a quarter to be upright.
public enum Orientation: UInt8, Sendable, CaseIterable {
    /// Stored upright.
    case up = 1
    /// Stored mirrored left to right.
    case upMirrored = 2
    /// Stored upside down.
    case down = 3
    /// Stored mirrored top to bottom.
    case downMirrored = 4
    /// Stored with rows and columns exchanged.
    case leftMirrored = 5
    /// Upright after a quarter turn clockwise.
    case right = 6
    /// Stored with rows and columns exchanged and upside down.
    case rightMirrored = 7
    /// Upright after a quarter turn counter-clockwise.
    case left = 8

    /// Whether it is stored mirrored, however turned.
    public var isMirrored: Bool {
        switch self {
        case .up, .down, .right, .left: false
        case .upMirrored, .downMirrored, .leftMirrored, .rightMirrored: true
        }
    }

    /// Whether width and height change places.
    public var exchangesSides: Bool { rawValue >= 5 }
}
