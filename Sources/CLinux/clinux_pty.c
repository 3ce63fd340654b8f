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
    if (tcgetattr(slave, &settings) != 0 || settings.c_cflag & HUPCL) return;
    settings.c_cflag |= HUPCL;
    tcsetattr(slave, TCSANOW, &settings);
}

int clinux_pty_format(int slave, int *baud, char *parity) {
    struct termios settings;
    if (tcgetattr(slave, &settings) != 0) return -1;
    switch (cfgetospeed(&settings)) {
    case B1200: *baud = 1200; break;
    case B2400: *baud = 2400; break;
    case B4800: *baud = 4800; break;
    case B9600: *baud = 9600; break;
    case B19200: *baud = 19200; break;
    case B38400: *baud = 38400; break;
    case B57600: *baud = 57600; break;
    case B115200: *baud = 115200; break;
    default: *baud = 0;
    }
    *parity = !(settings.c_iflag & INPCK) ? 'N' : settings.c_cflag & PARODD ? 'O' : 'E';
    return 0;
}
