/// One step of the schema's history. Steps are only ever appended; one that was released never changes.
package struct SchemaUpgrade: Sendable {
    /// Recorded in the database, and compared with the program's list at the next start.
    package let name: String
    /// Statements without values. They run in one transaction together with the record.
    package let sql: String

    package init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }
}
