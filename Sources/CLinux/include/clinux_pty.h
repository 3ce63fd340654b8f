#ifndef CLINUX_PTY_H
#define CLINUX_PTY_H

// Opens a pseudo terminal in raw mode (openpty(3), cfmakeraw(3)). The master's descriptor, or -1 with
// errno. The slave's path is written to `path` (at most `capacity` bytes, terminated); one descriptor of
// the slave stays open in `slave`, so that the master does not hang up between two users.
int clinux_open_pty(char *path, unsigned long capacity, int *slave);

// Sets HUPCL at the slave, which no line uses. A pseudo terminal keeps no parity, and glibc reports that
// as EINVAL of tcsetattr(3) unless the call changed another flag too (control characters do not count):
// HUPCL is one that every program clears that opens the line.
void clinux_rest_pty(int slave);

// The rate and parity (N, E or O) that the program at the slave has set. A pseudo terminal forgets that
// parity is used, not that it is checked. 0, or -1 with errno.
int clinux_pty_format(int slave, int *baud, char *parity);

#endif
