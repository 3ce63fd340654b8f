#ifndef CLINUX_TIME_H
#define CLINUX_TIME_H

// Whether the kernel's clock is disciplined by a time source now (adjtimex(2): neither the state TIME_ERROR
// nor the flag STA_UNSYNC). 1 or 0, or -1 with errno when the kernel does not say (EPERM in a sandbox). The
// largest error that the source admits is put into `max_error_us`.
int clinux_clock_is_synchronised(long long *max_error_us);

#endif
