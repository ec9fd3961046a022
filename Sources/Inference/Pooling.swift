import COneDNN

/// Max pooling over NHWC pictures with a square window; the padding never wins.
public struct MaxPool: Sendable {
    let kernel: Int, stride: Int, padding: Int

    /// A window of `kernel` pixels moved by `stride`, over pictures padded by less than a window.
    public init(kernel: Int, stride: Int, padding: Int) {
        precondition(kernel > 0 && stride > 0 && padding >= 0 && padding < kernel)
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    /// Rows or columns of the result for an extent of the input.
    func outputExtent(_ extent: Int) -> Int { (extent + 2 * padding - kernel) / stride + 1 }

    /// The pooled pictures of x [count, height, width, channels].
    public func callAsFunction(_ x: Tensor) -> Tensor {
        let (count, height, width, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let rows = outputExtent(height), columns = outputExtent(width)
        var y = Tensor(uninitialized: [count, rows, columns, channels])
        y.write { y in
            x.read { x in
                for index in 0..<count {
                    cdnn_max_pool(
                        height, width, channels, kernel, stride, padding,
                        x + index * height * width * channels,
                        y + index * rows * columns * channels)
                }
            }
        }
        y.bounds = x.bounds
        return y
    }
}

/// Average pooling over NHWC pictures in squares that do not overlap; rows and columns left over are dropped.
public struct AveragePool: Sendable {
    private let side: Int

    /// Squares of `side` pixels.
    public init(side: Int) {
        precondition(side > 0)
        self.side = side
    }

    /// The pooled pictures of x [count, height, width, channels].
    public func callAsFunction(_ x: Tensor) -> Tensor {
        let (count, height, width, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let (rows, columns) = (height / side, width / side)
        var y = Tensor(uninitialized: [count, rows, columns, channels])
        y.write { y in
            x.read { x in
                for index in 0..<count {
                    cdnn_average_pool(
                        height, width, channels, side, x + index * height * width * channels,
                        y + index * rows * columns * channels)
                }
            }
        }
        return y
    }
}

extension Tensor {
    /// The mean over all positions: [count, height, width, channels] to [count, channels].
    public func meanOverPositions() -> Tensor {
        let (count, positions, channels) = (shape[0], shape[1] * shape[2], shape[3])
        var y = Tensor(uninitialized: [count, channels])
        y.write { y in
            read { x in
                for index in 0..<count {
                    cdnn_mean_pool(
                        positions, channels, x + index * positions * channels, y + index * channels)
                }
            }
        }
        return y
    }

    /// One of the pictures given channel by channel, [count, channels, height, width], as [1, height, width,
    /// channels].
    public func channelsLast(of picture: Int) -> Tensor {
        let (channels, height, width) = (shape[1], shape[2], shape[3])
        precondition(picture >= 0 && picture < shape[0])
        var y = Tensor(uninitialized: [1, height, width, channels])
        y.write { y in
            read { cdnn_channels_last(channels, height, width, $0 + picture * channels * height * width, y) }
        }
        return y
    }

    /// Square patches of some of the pictures [count, channels, height, width] as rows [pictures * patches, channels *
    /// patch²].
    public func patches(of side: Int, in pictures: Range<Int>) -> Tensor {
        let (channels, height, width) = (shape[1], shape[2], shape[3])
        precondition(pictures.lowerBound >= 0 && pictures.upperBound <= shape[0])
        let perPicture = (height / side) * (width / side), depth = channels * side * side
        var y = Tensor(uninitialized: [pictures.count * perPicture, depth])
        y.write { y in
            read { x in
                for (place, index) in pictures.enumerated() {
                    cdnn_picture_patches(
                        channels, height, width, side, x + index * channels * height * width,
                        y + place * perPicture * depth)
                }
            }
        }
        return y
    }
}
