#define _GNU_SOURCE
#include "clinux_thread.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>

void clinux_name_this_thread(const char *name) {
    char shortened[16];
    snprintf(shortened, sizeof shortened, "%s", name);
    pthread_setname_np(pthread_self(), shortened);
}

void clinux_sharpen_timers_of_this_thread(void) { prctl(PR_SET_TIMERSLACK, 1UL); }
