#ifndef CLINUX_THREAD_H
#define CLINUX_THREAD_H

// Names the calling thread, as ps -L and top -H show it; at most 15 characters are kept.
void clinux_name_this_thread(const char *name);

#endif
