#ifndef CLINUX_TIME_H
#define CLINUX_TIME_H

// 1 when the kernel's clock is disciplined by a time source now, 0 when it is not, -1 with errno set
// when the kernel does not say (adjtimex(2): the state TIME_ERROR or the flag STA_UNSYNC).
int clinux_clock_is_synchronised(void);

#endif
