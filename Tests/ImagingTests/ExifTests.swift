import Imaging
import TestSupport
import Testing

@Suite struct ExifTests {
    /// A JPEG's first bytes with an EXIF segment; enough for `info` once a real picture follows.
    private func jpeg(exif: [UInt8], picture: [UInt8]) -> [UInt8] {
        let length = exif.count + 8
        return [0xFF, 0xD8, 0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + Array("Exif\0\0".utf8)
            + exif
            + picture.dropFirst(2)
    }

    @Test func randomBlocksNeverDoHarm() throws {
        let picture = try Picture("damaged/one-by-one.jpg").bytes
        let seed: UInt64 = 0xE81F
        var random = SeededRandom(seed: seed)
        for round in 0..<2000 {
            var block = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Most begin as a block does, with a small first directory, so that the entries are reached.
            if round % 4 != 0, block.count >= 10 {
                block.replaceSubrange(0..<10, with: [0x49, 0x49, 42, 0, 8, 0, 0, 0, UInt8(round % 9), 0])
                if block.count >= 14, round % 3 == 0 {
                    block.replaceSubrange(
                        10..<14, with: [[0x12, 0x01, 3, 0], [0x69, 0x87, 4, 0]][round % 2])
                }
            }
            let bytes = jpeg(exif: block, picture: picture)
            let info = try Picture(bytes: bytes).info()
            #expect(info.width == 1 && info.height == 1, "seed \(seed), round \(round)")
            if let time = info.captureTime { #expect(time.utf8.count == 19, "seed \(seed), round \(round)") }
        }
    }

    @Test func changedBlocksNeverDoHarm() throws {
        let original = try Picture("formats/orientation-3.jpg").bytes
        let seed: UInt64 = 77
        var random = SeededRandom(seed: seed)
        for round in 0..<1000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 20..<140, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let info = try? Picture(bytes: bytes).info() else { continue }
            #expect(info.width + info.height == 76, "seed \(seed), round \(round)")
        }
    }

    @Test func datesAreCheckedAndWrittenAsISO() throws {
        let picture = try Picture("damaged/one-by-one.jpg").bytes
        func captureTime(_ text: String) throws -> String? {
            // One directory with the pointer to another, which holds the date.
            var block: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8]
            block += [0, 1, 0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0]
            block += [0, 1, 0x90, 0x03, 0, 2, 0, 0, 0, 20, 0, 0, 0, 44, 0, 0, 0, 0] + Array(text.utf8) + [0]
            return try Picture(bytes: jpeg(exif: block, picture: picture)).info().captureTime
        }
        #expect(try captureTime("2019:12:31 23:59:60") == "2019-12-31T23:59:60")
        for text in [
            "0000:00:00 00:00:00", "    :  :     :  :  ", "2019:13:01 00:00:00", "2019:01:32 00:00:00",
            "2019:01:01 24:00:00", "2019:01:01 00:60:00", "2019:01", "+019:01:01 00:00:00",
        ] {
            #expect(try captureTime(text) == nil, "\(text)")
        }
    }
}
