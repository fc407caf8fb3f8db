import JSON
import JobQueue
import Testing

/// How far a step came stays with the job that did it.
@Suite struct StepFigureTests {
    private let bench: ToyBench

    init() throws { bench = try ToyBench() }

    /// A step that tells of bytes, one that tells of things, and one that tells nothing.
    private var telling: ToyKind {
        ToyKind(name: "toy.tell") { [world = bench.world] _ in
            func step(_ name: String, _ tell: @escaping @Sendable (StepContext) -> Void) -> JobStep {
                let made = world.making(name, name)
                return JobStep(
                    name, .probeable, probe: made.probe,
                    act: { context in
                        tell(context)
                        try await made.act(context)
                    }, undo: made.undo)
            }
            return [
                step("copy") { $0.progress(done: 700, total: 700) }, step("each") { $0.progress(items: 3, of: 3) }, step("last") { _ in },
            ]
        }
    }

    @Test func theFiguresOfAStepThatIsDoneStay() async throws {
        let life = try bench.live(kinds: [telling])
        let job = try await life.enqueue("toy.tell")
        let end = try await life.end(job)
        #expect(end.state == .succeeded)
        #expect(end.steps.map(\.bytesDone) == [700, nil, nil] && end.steps.map(\.bytesTotal) == [700, nil, nil])
        #expect(end.steps.map(\.itemsDone) == [nil, 3, nil] && end.steps.map(\.itemsTotal) == [nil, 3, nil])
        // A list reads what is stored, and so does the next life.
        #expect(try await life.engine.list(JobFilter(), limit: 1).first?.steps == end.steps)
        try await life.stopEmpty()
        #expect(try bench.stored(job)?.steps == end.steps)
    }

    @Test func whatIsUndoneHasNoFigures() async throws {
        bench.world.fault("last", .refuses(JobFailure("toy.broken", category: "internal", detail: "no")))
        let life = try bench.live(kinds: [telling])
        let end = try await life.end(try await life.enqueue("toy.tell"))
        #expect(end.state == .failed && end.steps.map(\.phase) == [.undone, .undone, .undone])
        #expect(end.steps.map(\.bytesTotal) == [nil, nil, nil] && end.steps.map(\.itemsTotal) == [nil, nil, nil])
        try await life.stopEmpty()
    }
}
