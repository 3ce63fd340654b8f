#ifndef CLINUX_SERIAL_H
#define CLINUX_SERIAL_H

// Refuses further opens of a terminal by other processes (tty_ioctl(4), TIOCEXCL). 0, or -1 with errno.
int clinux_exclude_others(int descriptor);

// Waits until a descriptor can be read, for `nanoseconds` at most (ppoll(2)). 1 when it can, 0 when the
// time is over, -1 with errno.
int clinux_wait_for_input(int descriptor, long long nanoseconds);

#endif
