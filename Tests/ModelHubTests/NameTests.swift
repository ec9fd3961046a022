import ModelHub
import Testing

@Suite struct NameTests {
    @Test(arguments: [
        "openai/clip-vit-base-patch32", "gpt2", "a/b", "Foo-BAR_foo.bar123", "timm/resnet50.a1_in1k",
    ])
    func takesTheHubsNames(_ name: String) { #expect(RepositoryName(name)?.description == name) }

    @Test(arguments: [
        "", "/", "a/", "/a", "a/b/c", ".a", "a-", "-a/b", "a--b", "a..b", "a/..", "../a", "a b", "ä/b",
        "a/b.git", "a\n",
        "a?b", "a#b", "a%2fb", "a/\u{0}", String(repeating: "a", count: 97),
    ])
    func refusesWhatIsNone(_ name: String) { #expect(RepositoryName(name) == nil) }
}
