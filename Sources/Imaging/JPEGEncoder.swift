import CCodecs

extension PixelBuffer {
    /// The picture as a baseline JPEG with chroma at half the size, through libjpeg-turbo.
    ///
    /// `quality` is libjpeg's, 1 to 100. Throws when a side is 0 or above 65,500 pixels, JPEG's own limit.
    public func jpeg(quality: Int) throws(ImagingError) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        var failure = cc_failure()
        let status = pixels.withUnsafeBufferPointer { buffer in
            guard let rgb = buffer.baseAddress else { return CC_UNSUPPORTED }
            return cc_jpeg_encode(
                rgb, UInt32(clamping: width), UInt32(clamping: height), UInt32(clamping: quality), &bytes,
                &count, &failure)
        }
        defer { cc_bytes_release(bytes) }
        guard status == CC_OK, let bytes else {
            let detail = withUnsafePointer(to: failure) { String(cString: cc_failure_text($0)) }
            throw status == CC_NO_MEMORY
                ? .outOfMemory(.jpeg, detail: detail)
                : .unsupported(.jpeg, detail: detail.isEmpty ? "\(width) x \(height) pixels" : detail)
        }
        return [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    }
}
