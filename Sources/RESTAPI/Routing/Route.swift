package import HTTPServer
internal import JSON

/// One thing that can be asked for. All of them stand in `RouteTable`; `openapi.yaml` describes the same ones.
package struct Route: Sendable {
    package enum Access: Sendable {
        /// Needs no authentication and tells nothing about what is managed.
        case open
        case admin
    }

    enum Action: Sendable {
        case read(@Sendable (Exchange, QueryReader) async throws -> HTTPResponse)
        case change(ChangeAction)
        /// Reads its body itself, as a stream.
        case upload(@Sendable (Exchange, QueryReader) async throws -> HTTPResponse)
    }

    package let method: HTTPMethod
    let pattern: PathPattern
    package let access: Access
    package let parameters: [QueryParameter]
    let action: Action
    /// Its place in the list of all, for figures.
    var number = 0

    /// As written in the document: `/v1/vms/{vm}`.
    package var path: String { pattern.text }

    static func get(
        _ path: String, _ parameters: [QueryParameter] = [], access: Access = .admin,
        _ handler: @escaping @Sendable (Exchange, QueryReader) async throws -> HTTPResponse
    ) -> Route {
        Route(method: .get, pattern: PathPattern(path), access: access, parameters: parameters, action: .read(handler))
    }

    /// What every mutation takes.
    static let changeParameters: [QueryParameter] = [.value("wait"), .value("dry_run"), .value("if_busy")]

    static func change(
        _ method: HTTPMethod, _ path: String, _ parameters: [QueryParameter] = [], body: ChangeAction.Body,
        _ handler: @escaping @Sendable (Change) async throws -> ChangeResult
    ) -> Route {
        Route(
            method: method, pattern: PathPattern(path), access: .admin, parameters: parameters + changeParameters,
            action: .change(ChangeAction(body: body, handler: handler)))
    }
}
