// Plays systemd's part for a service with a file-descriptor store: fd-store SOCKET COMMAND...
// Runs the command with NOTIFY_SOCKET, keeps what it stores (FDSTORE=1), and starts it again with
// LISTEN_FDS whenever it ends. The command's process id stands in SOCKET.pid. Ends with SIGTERM.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 64 };

static struct {
    int descriptor;
    char name[256];
} kept[MOST];
static int count;
static volatile sig_atomic_t is_ending;

static void end(int signal) {
    (void)signal;
    is_ending = 1;
}

static void keep(int descriptor, const char *name) {
    if (count == MOST) {
        close(descriptor);
        return;
    }
    kept[count].descriptor = descriptor;
    snprintf(kept[count].name, sizeof kept[count].name, "%s", name);
    printf("fd-store: keeps '%s'\n", name);
    count++;
}

static void forget(const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(kept[i].name, name) != 0) continue;
        close(kept[i].descriptor);
        kept[i--] = kept[--count];
        printf("fd-store: lets go of '%s'\n", name);
    }
}

static void take_message(int socket) {
    char text[1024], control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (length < 0) return;
    text[length] = 0;
    int descriptor = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    char *name = strstr(text, "FDNAME=");
    name = name == NULL ? "stored" : strtok(name + 7, "\n");
    if (strncmp(text, "FDSTORE=1", 9) == 0 && descriptor >= 0) keep(descriptor, name);
    else if (strncmp(text, "FDSTOREREMOVE=1", 15) == 0) forget(name);
    fflush(stdout);
}

static pid_t start(char *const command[], const char *path) {
    pid_t child = fork();
    if (child != 0) return child;
    char names[MOST * 256] = "", number[16];
    for (int i = 0; i < count; i++) {
        // Out of the way first: the places from 3 on may be in use.
        int aside = fcntl(kept[i].descriptor, F_DUPFD_CLOEXEC, 3 + MOST);
        if (aside < 0) _exit(126);
        kept[i].descriptor = aside;
    }
    for (int i = 0; i < count; i++) {
        dup2(kept[i].descriptor, 3 + i);
        if (i > 0) strcat(names, ":");
        strcat(names, kept[i].name);
    }
    snprintf(number, sizeof number, "%d", (int)getpid());
    setenv("NOTIFY_SOCKET", path, 1);
    if (count > 0) {
        setenv("LISTEN_PID", number, 1);
        setenv("LISTEN_FDNAMES", names, 1);
        snprintf(number, sizeof number, "%d", count);
        setenv("LISTEN_FDS", number, 1);
    }
    execvp(command[0], command);
    _exit(127);
}

static void note(const char *path, pid_t child) {
    char name[300];
    snprintf(name, sizeof name, "%s.pid", path);
    FILE *file = fopen(name, "w");
    if (file == NULL) return;
    fprintf(file, "%d\n", (int)child);
    fclose(file);
}

int main(int argc, char *argv[]) {
    if (argc < 3) {
        fprintf(stderr, "usage: fd-store SOCKET COMMAND...\n");
        return 64;
    }
    signal(SIGTERM, end);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    unlink(argv[1]);
    int socket_descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(socket_descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        perror(argv[1]);
        return 74;
    }
    pid_t child = 0;
    while (!is_ending) {
        if (child == 0) {
            child = start(argv + 2, argv[1]);
            note(argv[1], child);
        }
        struct pollfd waited = {.fd = socket_descriptor, .events = POLLIN};
        if (poll(&waited, 1, 20) > 0) {
            take_message(socket_descriptor);
            continue;
        }
        if (waitpid(child, NULL, WNOHANG) == child) child = 0;
    }
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    return 0;
}
