#include "clinux_file.h"

#include <sys/file.h>

int clinux_lock_exclusively(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int clinux_unlock(int descriptor) { return flock(descriptor, LOCK_UN); }
