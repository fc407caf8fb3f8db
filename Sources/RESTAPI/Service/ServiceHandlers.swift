internal import HTTPServer
internal import JSON
internal import Telemetry
internal import VirtManager

/// What tells about the daemon itself: `/v1`, health, figures, the document.
struct ServiceHandlers: Sendable {
    let manager: Manager
    let version: String
    let metrics: Metrics

    var routes: [Route] {
        [
            .get("/v1", access: .open) { exchange, query in try root(query) },
            .get("/healthz", access: .open) { exchange, query in try health(query) },
            .get("/readyz", access: .open) { exchange, query in try readiness(query) },
            .get("/metrics") { exchange, query in try figures(query) },
            .get("/openapi.yaml", access: .open) { exchange, query in
                try document(exchange, query, OpenAPIDocument.yaml, "application/yaml")
            },
            .get("/openapi.json", access: .open) { exchange, query in
                try document(exchange, query, OpenAPIDocument.json, Answer.json)
            },
        ]
    }

    private func root(_ query: QueryReader) throws -> HTTPResponse {
        try query.finish()
        return Answer.object(
            [
                "type": "api", "name": "gantry", "version": .string(version), "api": "v1", "stability": "draft",
                "links": [
                    "vms": "/v1/vms", "jobs": "/v1/jobs", "hosts": "/v1/hosts", "pools": "/v1/pools", "networks": "/v1/networks",
                    "document": "/openapi.yaml", "health": "/healthz", "readiness": "/readyz", "metrics": "/metrics",
                ],
            ] as JSONValue)
    }

    private func health(_ query: QueryReader) throws -> HTTPResponse {
        try query.finish()
        return Answer.object(["status": "ok"] as JSONValue)
    }

    /// 200 once the first listing of each host has come, failed, or taken too long.
    private func readiness(_ query: QueryReader) throws -> HTTPResponse {
        try query.finish()
        guard manager.isReady else {
            throw ServiceError(
                "daemon.not_ready", .temporary, "the hosts have not been listed yet", isRetryable: true, retryAfterSeconds: 1)
        }
        return Answer.object(["status": "ready"] as JSONValue)
    }

    private func figures(_ query: QueryReader) throws -> HTTPResponse {
        try query.finish()
        return Answer.bytes(metrics.text(), "text/plain; version=0.0.4; charset=utf-8")
    }

    private func document(
        _ exchange: Exchange, _ query: QueryReader, _ document: EmbeddedDocument, _ type: String
    ) throws -> HTTPResponse {
        try query.finish()
        let fields: HTTPFields = ["ETag": document.entityTag]
        if Preconditions.isNotModified(exchange.request, document.entityTag) { return Answer.empty(304, fields: fields) }
        return Answer.bytes(document.bytes, type, fields: fields)
    }
}
