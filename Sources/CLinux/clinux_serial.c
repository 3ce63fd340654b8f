#define _GNU_SOURCE
#include "clinux_serial.h"

#include <errno.h>
#include <linux/serial.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <termios.h>

int clinux_exclude_others(int descriptor) { return ioctl(descriptor, TIOCEXCL); }

int clinux_admit_others(int descriptor) { return ioctl(descriptor, TIOCNXCL); }

int clinux_deliver_at_once(int descriptor) {
    struct serial_struct settings;
    if (ioctl(descriptor, TIOCGSERIAL, &settings) != 0) return -1;
    settings.flags |= ASYNC_LOW_LATENCY;
    return ioctl(descriptor, TIOCSSERIAL, &settings);
}

int clinux_wait_for_input(int descriptor, long long nanoseconds) {
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000LL, .tv_nsec = nanoseconds % 1000000000LL};
    return ppoll(&wanted, 1, &timeout, NULL);
}

static speed_t speed(int baud) {
    switch (baud) {
    case 1200: return B1200;
    case 2400: return B2400;
    case 4800: return B4800;
    case 9600: return B9600;
    case 19200: return B19200;
    case 38400: return B38400;
    case 57600: return B57600;
    case 115200: return B115200;
    default: return B0;
    }
}

int clinux_set_line_format(int descriptor, int baud, char parity, int stop_bits) {
    struct termios settings;
    if (tcgetattr(descriptor, &settings) != 0) return -1;
    if (speed(baud) == B0) {
        errno = EINVAL;
        return -1;
    }
    cfsetspeed(&settings, speed(baud));
    // A bus has no modem to hang up; without HUPCL, RTS stays as it is when the line is closed.
    settings.c_cflag &= ~(tcflag_t)(PARENB | PARODD | CSTOPB | HUPCL);
    settings.c_iflag &= ~(tcflag_t)INPCK;
    if (parity != 'N') {
        settings.c_cflag |= PARENB;
        settings.c_iflag |= INPCK;
    }
    if (parity == 'O') settings.c_cflag |= PARODD;
    if (stop_bits == 2) settings.c_cflag |= CSTOPB;
    return tcsetattr(descriptor, TCSADRAIN, &settings) == 0 ? tcflush(descriptor, TCIFLUSH) : -1;
}

int clinux_set_rs485(int descriptor, int high, unsigned before_milliseconds, unsigned after_milliseconds) {
    struct serial_rs485 settings = {
        .flags = SER_RS485_ENABLED | (high ? SER_RS485_RTS_ON_SEND : SER_RS485_RTS_AFTER_SEND),
        .delay_rts_before_send = before_milliseconds,
        .delay_rts_after_send = after_milliseconds,
    };
    return ioctl(descriptor, TIOCSRS485, &settings);
}

int clinux_set_rts(int descriptor, int high) {
    int line = TIOCM_RTS;
    return ioctl(descriptor, high ? TIOCMBIS : TIOCMBIC, &line);
}

int clinux_drain(int descriptor) { return tcdrain(descriptor); }
