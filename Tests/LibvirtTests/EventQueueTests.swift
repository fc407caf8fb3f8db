import Hypervisor
import Testing

@testable import Libvirt

@Suite struct EventQueueTests {
    @Test func sameHintIsQueuedOnce() async {
        let queue = EventQueue()
        queue.push(.pool("a"))
        queue.push(.pool("b"))
        queue.push(.pool("a"))
        queue.finish()
        #expect(await Self.drain(queue) == [.pool("a"), .pool("b")])
    }

    @Test func hintTakenMayBeQueuedAgain() async {
        let queue = EventQueue()
        queue.push(.pool("a"))
        #expect(await queue.next() == .pool("a"))
        queue.push(.pool("a"))
        #expect(await queue.next() == .pool("a"))
    }

    @Test func overflowBecomesResyncAndKeepsTheDisconnect() async {
        let queue = EventQueue(capacity: 4)
        queue.push(.disconnected("gone"))
        for index in 0..<100 { queue.push(.pool("\(index)")) }
        queue.finish()
        #expect(await Self.drain(queue) == [.disconnected("gone"), .resync])
    }

    @Test func waitingConsumerIsWoken() async {
        let queue = EventQueue()
        async let first = queue.next()
        queue.push(.network("n"))
        #expect(await first == .network("n"))
    }

    @Test func cancelledConsumerEnds() async {
        let queue = EventQueue()
        let task = Task { await queue.next() }
        task.cancel()
        #expect(await task.value == nil)
    }

    @Test func finishEndsTheStream() async {
        let queue = EventQueue()
        queue.finish()
        #expect(await queue.next() == nil)
        queue.push(.resync)
        #expect(await queue.next() == nil)
    }

    private static func drain(_ queue: EventQueue) async -> [HostEvent] {
        var events: [HostEvent] = []
        while let event = await queue.next() { events.append(event) }
        return events
    }
}
