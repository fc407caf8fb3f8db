internal import HTTPServer
internal import VirtManager

/// The body of a request as the bytes of an upload.
struct UploadBody: UploadSource {
    let body: HTTPRequestBody

    func next() async throws -> [UInt8]? { try await body.next() }
}
