#define _GNU_SOURCE
#include "clinux_serial.h"

#include <linux/serial.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>

int clinux_exclude_others(int descriptor) { return ioctl(descriptor, TIOCEXCL); }

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
