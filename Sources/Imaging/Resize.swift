import CKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The kernel of a resize; the names and shapes are Pillow's.
public enum ResizeFilter: String, Sendable, CaseIterable {
    /// The pixel under the centre, without any averaging.
    case nearest
    /// Mean of the pixels covered.
    case box
    /// Triangle of radius 1.
    case bilinear
    /// Cubic convolution of radius 2 with a = -0.5.
    case bicubic
    /// Sinc windowed by a raised cosine, radius 1.
    case hamming
    /// Sinc windowed by a sinc, radius 3.
    case lanczos

    fileprivate var support: Double {
        switch self {
        case .nearest, .box: 0.5
        case .bilinear, .hamming: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    fileprivate func weight(_ x: Double) -> Double {
        let distance = abs(x)
        switch self {
        case .nearest, .box: return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear: return distance < 1 ? 1 - distance : 0
        case .bicubic:
            let a = -0.5
            if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
            if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
            return 0
        case .hamming:
            if distance == 0 { return 1 }
            let angle = distance * .pi
            return distance < 1 ? sin(angle) / angle * (0.54 + 0.46 * cos(angle)) : 0
        case .lanczos:
            func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(x * .pi) / (x * .pi) }
            return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0
        }
    }
}

extension PixelBuffer {
    /// The picture at another size, antialiased when it shrinks: Pillow's `Image.resize(size, filter)`, bit for bit.
    ///
    /// Two passes in fixed-point arithmetic with 8-bit values between them (Resample.c), in the order of Pillow 13:
    /// older ones always go across first, which differs by a level here and there. Costs about
    /// `width * height * 2 * radius` multiplications. Both sides have to be at least 1, here and in the result.
    public func resized(width newWidth: Int, height newHeight: Int, filter: ResizeFilter) -> PixelBuffer {
        resized(
            width: newWidth, height: newHeight, filter: filter, columns: 0..<newWidth, rows: 0..<newHeight)
    }

    /// A window of what `resized` gives, without the cost of the rest.
    func resized(
        width newWidth: Int, height newHeight: Int, filter: ResizeFilter, columns: Range<Int>,
        rows: Range<Int>
    ) -> PixelBuffer {
        precondition(width > 0 && height > 0 && newWidth > 0 && newHeight > 0, "resizing needs pixels")
        if newWidth == width && newHeight == height {
            if columns.count == width && rows.count == height { return self }
            return cropped(
                x: columns.lowerBound, y: rows.lowerBound, width: columns.count, height: rows.count)
        }
        if filter == .nearest {
            return sampled(width: newWidth, height: newHeight, columns: columns, rows: rows)
        }
        let bytes = Resampling(filter).resize(
            pixels, channels: 3, across: Resampling.Pass(from: width, to: newWidth, outputs: columns),
            down: Resampling.Pass(from: height, to: newHeight, outputs: rows))
        return PixelBuffer(width: columns.count, height: rows.count, pixels: bytes)
    }
}

extension PixelBuffer {
    /// Pillow's nearest neighbour, which walks through the picture in steps of doubles (Geometry.c).
    private func sampled(
        width newWidth: Int, height newHeight: Int, columns: Range<Int>, rows: Range<Int>
    ) -> PixelBuffer {
        let across = PixelBuffer.positions(from: width, to: newWidth)[columns],
            down = PixelBuffer.positions(from: height, to: newHeight)[rows]
        var result: [UInt8] = []
        result.reserveCapacity(3 * columns.count * rows.count)
        for y in down {
            for x in across {
                let start = 3 * (y * width + x)
                result.append(contentsOf: pixels[start..<start + 3])
            }
        }
        return PixelBuffer(width: columns.count, height: rows.count, pixels: result)
    }

    private static func positions(from inputs: Int, to outputs: Int) -> [Int] {
        let step = Double(inputs) / Double(outputs)
        var position = step * 0.5
        return (0..<outputs).map { _ in
            defer { position += step }
            return min(Int(position), inputs - 1)
        }
    }
}

/// Pillow's 8-bit resampling over rasters of one or three channels.
struct Resampling {
    /// One direction: how many pixels there are and are to be, and which of those are wanted.
    struct Pass {
        var inputCount: Int
        var outputCount: Int
        var outputs: Range<Int>

        /// Describes a direction; `outputs` (all, when nil) lies within `0..<to` and is not empty.
        init(from inputCount: Int, to outputCount: Int, outputs: Range<Int>? = nil) {
            self.inputCount = inputCount
            self.outputCount = outputCount
            self.outputs = outputs ?? 0..<outputCount
        }

        /// Pillow leaves a direction out when its size stays.
        var isCopy: Bool { inputCount == outputCount && outputs == 0..<outputCount }

        /// Whether Pillow 13 does this direction, down, before the other: when the height loses more than twice the
        /// pixels that the width does.
        func comesFirst(before across: Pass) -> Bool {
            outputCount < inputCount
                && inputCount - outputCount > 2 * (across.inputCount - across.outputCount)
        }
    }

    private let filter: ResizeFilter
    private let kernels = ck_resize_best().pointee

    init(_ filter: ResizeFilter) { self.filter = filter }

    /// Resizes `down.inputCount` rows of `across.inputCount` pixels.
    func resize(_ pixels: [UInt8], channels: Int, across: Pass, down: Pass) -> [UInt8] {
        precondition(pixels.count == across.inputCount * down.inputCount * channels, "\(pixels.count) bytes")
        if down.comesFirst(before: across) {
            let squeezed = resizedDown(pixels, rowBytes: across.inputCount * channels, down)
            return resizedAcross(squeezed, rows: down.outputs.count, channels: channels, across)
        }
        let squeezed = resizedAcross(pixels, rows: down.inputCount, channels: channels, across)
        return resizedDown(squeezed, rowBytes: across.outputs.count * channels, down)
    }

    private func resizedAcross(_ pixels: [UInt8], rows: Int, channels: Int, _ pass: Pass) -> [UInt8] {
        if pass.isCopy { return pixels }
        return Coefficients(filter, pass).withFilter { filter in
            Self.filled(pass.outputs.count * rows * channels, from: pixels) { input, output in
                kernels.horizontal(input, rows, pass.inputCount, channels, filter, output)
            }
        }
    }

    private func resizedDown(_ pixels: [UInt8], rowBytes: Int, _ pass: Pass) -> [UInt8] {
        if pass.isCopy { return pixels }
        return Coefficients(filter, pass).withFilter { filter in
            Self.filled(rowBytes * pass.outputs.count, from: pixels) { input, output in
                kernels.vertical(input, rowBytes, filter, output)
            }
        }
    }

    private static func filled(
        _ count: Int, from input: [UInt8], _ fill: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            input.withUnsafeBufferPointer { input in
                guard let input = input.baseAddress, let output = buffer.baseAddress else { return }
                fill(input, output)
                filled = count
            }
        }
    }
}

/// Which inputs make each output of one pass, with fixed-point weights that sum to one.
private struct Coefficients {
    private let taps: Int
    private var starts: [Int32] = []
    private var counts: [Int32] = []
    private var values: [Int32]

    init(_ filter: ResizeFilter, _ pass: Resampling.Pass) {
        // Where sizes are equal but a window is cut, Pillow would copy: so does the box, exactly.
        let filter = pass.inputCount == pass.outputCount ? ResizeFilter.box : filter
        let scale = Double(pass.inputCount) / Double(pass.outputCount)
        let filterScale = max(scale, 1)
        let support = filter.support * filterScale
        taps = Int(support.rounded(.up)) * 2 + 1
        values = [Int32](repeating: 0, count: pass.outputs.count * taps + Int(CK_RESIZE_PADDING))
        starts.reserveCapacity(pass.outputs.count)
        counts.reserveCapacity(pass.outputs.count)
        var weights = [Double](repeating: 0, count: taps)
        for (index, output) in pass.outputs.enumerated() {
            let center = (Double(output) + 0.5) * scale
            // Conversion to Int truncates, as the original's does; it matters left of zero.
            let start = max(Int(center - support + 0.5), 0)
            let count = min(Int(center + support + 0.5), pass.inputCount) - start
            var sum = 0.0
            for tap in 0..<count {
                weights[tap] = filter.weight((Double(tap + start) - center + 0.5) * (1 / filterScale))
                sum += weights[tap]
            }
            for tap in 0..<count {
                let weight = sum != 0 ? weights[tap] / sum : weights[tap]
                let fixed = weight * Double(1 << CK_RESIZE_PRECISION_BITS)
                values[index * taps + tap] = Int32(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
            }
            starts.append(Int32(start))
            counts.append(Int32(count))
        }
    }

    func withFilter<R>(_ body: (UnsafePointer<ck_resize_filter>) -> R) -> R {
        starts.withUnsafeBufferPointer { starts in
            counts.withUnsafeBufferPointer { counts in
                values.withUnsafeBufferPointer { values in
                    guard let starts = starts.baseAddress, let counts = counts.baseAddress,
                        let coefficients = values.baseAddress
                    else { preconditionFailure("a pass without outputs") }
                    let filter = ck_resize_filter(
                        output_count: self.starts.count, taps: taps, starts: starts,
                        counts: counts, coefficients: coefficients)
                    return withUnsafePointer(to: filter, body)
                }
            }
        }
    }
}
