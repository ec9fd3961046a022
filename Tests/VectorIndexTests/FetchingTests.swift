import Testing

@testable import VectorIndex

/// When a search tells the system what it is going to read.
@Suite struct FetchingTests {
    @Test func nothingIsAskedForWhereTheFirstPlacesAreInMemory() {
        var fetching = Fetching(), asked = 0, early = 0
        for _ in 0..<48 {
            if fetching.isNeedless { early += 1 }
            if fetching.wants(true) { asked += 1 }
        }
        #expect(asked == 0 && early == 0 && fetching.isNeedless)
    }

    @Test func everythingIsAskedForFromTheFirstMissingPlaceOn() {
        var fetching = Fetching(), asked = 0, looks = 0
        func isInMemory(_ answer: Bool) -> Bool {
            looks += 1
            return answer
        }
        if fetching.wants(isInMemory(true)) { asked += 1 }
        for _ in 0..<100 where fetching.wants(isInMemory(false)) { asked += 1 }
        #expect(asked == 100 && looks == 2 && !fetching.isNeedless)
    }
}
