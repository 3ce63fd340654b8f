#include "clinux_time.h"

#include <sys/timex.h>

int clinux_clock_is_synchronised(long long *max_error_us) {
    struct timex request = {0};
    int state = adjtimex(&request);
    if (state < 0) return -1;
    *max_error_us = request.maxerror;
    return state != TIME_ERROR && (request.status & STA_UNSYNC) == 0;
}
