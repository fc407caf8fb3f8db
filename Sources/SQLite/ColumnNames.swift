/// The column names of one result, shared by its rows.
package final class ColumnNames: Sendable {
    package let list: [String]
    init(_ list: [String]) { self.list = list }
}
