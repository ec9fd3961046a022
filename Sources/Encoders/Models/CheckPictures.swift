import Imaging

/// A few pictures to compare a tower's numbers on: drawn, so that they need no file and are the same everywhere.
enum CheckPictures {
    static let count = 4

    /// The pictures at a size: smooth slopes, hard edges, fine texture, and a mostly even one.
    static func all(width: Int, height: Int) -> [PixelBuffer] {
        (0..<count).map { draw($0, width: width, height: height) }
    }

    private static func draw(_ kind: Int, width: Int, height: Int) -> PixelBuffer {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 &* UInt64(kind + 1)
        func noise(_ most: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % most
        }
        let shapes = (0..<12).map { _ in
            (x: noise(width), y: noise(height), radius: 4 + noise(max(1, width / 4)), shade: noise(256))
        }
        var pixels: [UInt8] = []
        pixels.reserveCapacity(3 * width * height)
        for y in 0..<height {
            for x in 0..<width {
                let across = 255 * x / width, down = 255 * y / height
                var colour = (across, down, 255 - across)
                switch kind {
                case 0: break
                case 1:
                    for shape in shapes {
                        let (dx, dy) = (x - shape.x, y - shape.y)
                        if dx * dx + dy * dy < shape.radius * shape.radius {
                            colour = (shape.shade, 255 - shape.shade, (shape.shade * 3) & 255)
                        }
                    }
                case 2:
                    let stripe = ((x / 3) ^ (y / 5)) & 1 == 0 ? 40 : 210
                    colour = (stripe + noise(40), (stripe + down) / 2, (stripe + across) / 2)
                default:
                    let shade = 200 + noise(12)
                    let isDark = shapes.contains { abs(x - $0.x) < 3 && abs(y - $0.y) < $0.radius }
                    colour = isDark ? (30, 30, 60) : (shade, shade, shade - 10)
                }
                pixels.append(UInt8(clamping: colour.0))
                pixels.append(UInt8(clamping: colour.1))
                pixels.append(UInt8(clamping: colour.2))
            }
        }
        return PixelBuffer(width: width, height: height, pixels: pixels)
    }
}
