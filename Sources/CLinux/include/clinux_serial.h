#ifndef CLINUX_SERIAL_H
#define CLINUX_SERIAL_H

// Refuses further opens of a terminal by other processes (tty_ioctl(4), TIOCEXCL). 0, or -1 with errno.
int clinux_exclude_others(int descriptor);

// Asks the driver to hand over bytes as they come, not in batches (ASYNC_LOW_LATENCY; an FTDI adapter waits
// 16 ms otherwise). 0, or -1 with errno: not every driver knows it, and none needs to.
int clinux_deliver_at_once(int descriptor);

// Waits until a descriptor can be read, for `nanoseconds` at most (ppoll(2)). 1 when it can, 0 when the
// time is over, -1 with errno.
int clinux_wait_for_input(int descriptor, long long nanoseconds);

// Sets a terminal's rate and character format once what was written is out, and drops what came in
// meanwhile (tcsetattr(3)). `parity` is N, E or O. 0, or -1 with errno; EINVAL for a rate no meter has.
int clinux_set_line_format(int descriptor, int baud, char parity, int stop_bits);

#endif
