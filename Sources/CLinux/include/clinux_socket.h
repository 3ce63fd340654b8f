#ifndef CLINUX_SOCKET_H
#define CLINUX_SOCKET_H

// Sends a datagram with a descriptor (unix(7), SCM_RIGHTS) to a unix-domain address of `length` bytes.
// 0, or -1 with errno.
int clinux_send_descriptor(
    int socket, const void *bytes, unsigned long count, const void *address, unsigned length, int descriptor);

// Sets or clears FD_CLOEXEC. 0, or -1 with errno.
int clinux_close_on_exec(int descriptor, int closes);

#endif
