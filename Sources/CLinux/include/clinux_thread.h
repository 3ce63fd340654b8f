#ifndef CLINUX_THREAD_H
#define CLINUX_THREAD_H

// Names the calling thread, as ps -L and top -H show it; at most 15 characters are kept.
void clinux_name_this_thread(const char *name);

// Lets timed waits of the calling thread end when they should, not up to 50 microseconds later
// (PR_SET_TIMERSLACK).
void clinux_sharpen_timers_of_this_thread(void);

#endif
