#define _DEFAULT_SOURCE
#include "clinux_pty.h"

#include <fcntl.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

int clinux_open_pty(char *path, unsigned long capacity, int *slave) {
    int master = -1;
    if (openpty(&master, slave, NULL, NULL, NULL) != 0) return -1;
    struct termios settings;
    if (tcgetattr(*slave, &settings) != 0) goto fail;
    cfmakeraw(&settings);
    if (tcsetattr(*slave, TCSANOW, &settings) != 0) goto fail;
    if (ttyname_r(*slave, path, capacity) != 0) goto fail;
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(*slave, F_SETFD, FD_CLOEXEC);
    return master;
fail:
    close(master);
    close(*slave);
    return -1;
}

void clinux_rest_pty(int slave) {
    struct termios settings;
    if (tcgetattr(slave, &settings) != 0 || cfgetospeed(&settings) == B50) return;
    cfsetspeed(&settings, B50);
    tcsetattr(slave, TCSANOW, &settings);
}
