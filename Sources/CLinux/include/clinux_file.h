#ifndef CLINUX_FILE_H
#define CLINUX_FILE_H

// Takes an exclusive flock(2) without waiting. 0 when it is held now, -1 with errno otherwise
// (EWOULDBLOCK: another process holds it).
int clinux_lock_exclusively(int descriptor);

// Lets go of it, whoever else has a copy of the descriptor. 0, or -1 with errno.
int clinux_unlock(int descriptor);

#endif
