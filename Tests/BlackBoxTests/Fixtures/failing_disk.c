/* Preloaded: makes the disk under paths that hold FAILING_DISK fail as the file FAILING_DISK_HOW says while it exists.
   "sync": syncs fail with EIO. "readonly": writes fail with EROFS, as after the kernel's own remount.
   "full": writes fail with ENOSPC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int path_fails(const char *path, const char *how) {
    const char *under = getenv("FAILING_DISK"), *said = getenv("FAILING_DISK_HOW");
    char text[32];
    if (!under || !said || !strstr(path, under)) return 0;
    int file = open(said, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text);
    close(file);
    return length >= (ssize_t)strlen(how) && strncmp(text, how, strlen(how)) == 0;
}

static int fails(int descriptor, const char *how) {
    char link[64], text[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, text, sizeof text - 1);
    if (length < 0) return 0;
    text[length] = 0;
    return path_fails(text, how);
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

int fsync(int descriptor) {
    if (fails(descriptor, "sync")) return errno = EIO, -1;
    return REAL("fsync", int (*)(int))(descriptor);
}

int fdatasync(int descriptor) {
    if (fails(descriptor, "sync")) return errno = EIO, -1;
    return REAL("fdatasync", int (*)(int))(descriptor);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    if (fails(descriptor, "readonly")) return errno = EROFS, -1;
    if (fails(descriptor, "full")) return errno = ENOSPC, -1;
    return REAL("pwrite", ssize_t (*)(int, const void *, size_t, off_t))(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    if (fails(descriptor, "readonly")) return errno = EROFS, -1;
    if (fails(descriptor, "full")) return errno = ENOSPC, -1;
    return REAL("pwrite64", ssize_t (*)(int, const void *, size_t, off64_t))(descriptor, bytes, count, offset);
}

int ftruncate(int descriptor, off_t length) {
    if (fails(descriptor, "readonly")) return errno = EROFS, -1;
    return REAL("ftruncate", int (*)(int, off_t))(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) {
    if (fails(descriptor, "readonly")) return errno = EROFS, -1;
    return REAL("ftruncate64", int (*)(int, off64_t))(descriptor, length);
}

int access(const char *path, int mode) {
    if ((mode & W_OK) && path_fails(path, "readonly")) return errno = EROFS, -1;
    return REAL("access", int (*)(const char *, int))(path, mode);
}
