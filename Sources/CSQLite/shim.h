#pragma once
#include <sqlite3.h>
#include <stdint.h>
#include <sys/vfs.h>

// SQLITE_TRANSIENT is a cast of -1, which Swift cannot import.
static inline int gantry_sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *bytes, int count) {
    return sqlite3_bind_text(statement, index, bytes, count, SQLITE_TRANSIENT);
}
static inline int gantry_sqlite3_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}

// f_type of fstatfs(2), or 0 where it cannot be told. Swift's Glibc module lacks sys/vfs.h.
static inline uint32_t gantry_file_system_type(int descriptor) {
    struct statfs information;
    return fstatfs(descriptor, &information) == 0 ? (uint32_t)information.f_type : 0;
}
