#ifndef CLINUX_SERIAL_H
#define CLINUX_SERIAL_H

// Refuses further opens of a terminal by other processes (tty_ioctl(4), TIOCEXCL). 0, or -1 with errno.
int clinux_exclude_others(int descriptor);

// Takes that back (TIOCNXCL): a copy of the descriptor that another process still has would keep it. 0, or -1.
int clinux_admit_others(int descriptor);

// Asks the driver to hand over bytes as they come, not in batches (ASYNC_LOW_LATENCY; an FTDI adapter waits
// 16 ms otherwise). 0, or -1 with errno: not every driver knows it, and none needs to.
int clinux_deliver_at_once(int descriptor);

// Waits until a descriptor can be read, for `nanoseconds` at most (ppoll(2)). 1 when it can, 0 when the
// time is over, -1 with errno.
int clinux_wait_for_input(int descriptor, long long nanoseconds);

// Sets a terminal's rate and character format once what was written is out, and drops what came in
// meanwhile (tcsetattr(3)). `parity` is N, E or O. 0, or -1 with errno; EINVAL for a rate no meter has.
int clinux_set_line_format(int descriptor, int baud, char parity, int stop_bits);

// Lets the UART's driver move RTS around what is sent (TIOCSRS485). RTS is high while sending where `high`
// is not 0. 0, or -1 with errno: most drivers cannot.
int clinux_set_rs485(int descriptor, int high, unsigned before_milliseconds, unsigned after_milliseconds);

// Sets RTS high or low (TIOCMBIS, TIOCMBIC). 0, or -1 with errno.
int clinux_set_rts(int descriptor, int high);

// Waits until what was written is on the wire (tcdrain(3)). 0, or -1 with errno.
int clinux_drain(int descriptor);

#endif
