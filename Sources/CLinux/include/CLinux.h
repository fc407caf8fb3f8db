// What Swift's Glibc module lacks: GNU and Linux calls, and types behind feature macros.
#pragma once
#include <stddef.h>
#include <stdint.h>

// No header of libc that has types: this module and Swift's Glibc would both reach them, and which one then owns them
// depends on the order of loading (a file that imports only Glibc would not see `timespec`).

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC; the peer's `struct sockaddr` goes to `address`.
int gantry_accept(int descriptor, void *address, uint32_t *length);

/// What epoll_wait(2) reports: the registered number and the EPOLL... bits (EPOLLIN 1, EPOLLOUT 4, EPOLLERR 8, EPOLLHUP 16).
struct gantry_event {
    uint64_t data;
    uint32_t events;
};

/// epoll_create1(2) with EPOLL_CLOEXEC.
int gantry_epoll_create(void);

/// epoll_ctl(2) with EPOLL_CTL_ADD, EPOLL_CTL_MOD and EPOLL_CTL_DEL.
int gantry_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t data);
int gantry_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t data);
int gantry_epoll_remove(int epoll, int descriptor);

/// epoll_wait(2) for at most `capacity` (256 or fewer) events; -1 waits without a limit.
int gantry_epoll_wait(int epoll, struct gantry_event *events, int capacity, int milliseconds);

/// eventfd(2), non-blocking and close-on-exec.
int gantry_eventfd(void);

/// pthread_setname_np(3) of the calling thread; at most 15 bytes.
int gantry_set_thread_name(const char *name);

/// SO_PEERCRED of a unix socket (socket(7)).
int gantry_peer_credentials(int descriptor, int32_t *pid, uint32_t *uid, uint32_t *gid);

/// SO_PEERGROUPS of a unix socket: fills at most `capacity` group ids and answers how many there are, or -1.
int gantry_peer_groups(int descriptor, uint32_t *groups, int capacity);

/// getrandom(2) until `count` bytes are filled; 0, or -1 with errno.
int gantry_random_bytes(void *buffer, size_t count);

/// malloc_trim(3): hands free heap pages back to the kernel.
void gantry_trim_heap(void);
