import SystemSupport
import Testing

@Suite struct ByteReaderTests {
    @Test func readsLittleEndianAndStopsAtTheEnd() {
        let bytes: [UInt8] = [1, 2, 3, 4, 5]
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            #expect(reader.read(UInt16.self) == 0x0201)
            #expect(reader.read(UInt32.self) == nil)
            #expect(reader.remaining == 3)
            #expect(reader.skip(4) == false)
            #expect(reader.read(count: -1) == nil)
            #expect(reader.read(count: 3).map(Array.init) == [3, 4, 5])
            #expect(reader.read(UInt8.self) == nil)
        }
    }
}
